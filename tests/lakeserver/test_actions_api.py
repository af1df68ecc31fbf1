from __future__ import annotations

from typing import Any

GATE = """
name: promote gate
on: {pre-merge: {branches: [main]}}
hooks:
  - id: expected_head
    type: lua
    properties:
      script: |
        local lakefs, json, hook = require("lakefs"), require("encoding/json"), require("hook")
        print("merging " .. action.merge_source)
        local head = action.commit.parents[1]
        if action.commit.metadata["expected_head"] ~= head then hook.fail("main moved") end
        local code, body = lakefs.get_object(action.repository_id, action.commit_id, "metrics.json")
        if code ~= 200 then hook.fail("no metrics") end
        if json.unmarshal(body).auc < 0.8 then hook.fail("below the gate") end
"""


def candidate(api: Any, name: str, auc: str) -> None:
    api.branch(name)
    api.put("_lakefs_actions/gate.yaml", GATE, branch=name)
    api.put("metrics.json", f'{{"auc": {auc}}}', branch=name)
    api.commit(branch=name)


def test_a_gate_in_the_source_decides_about_the_merge(api: Any) -> None:
    candidate(api, "good", "0.9")
    candidate(api, "bad", "0.7")
    head = api.head()
    refused = api.merge("good")
    assert refused.status == 412
    assert "pre-merge hook aborted" in refused.message
    assert (
        "failed on action 'promote gate' hook 'expected_head': action failed: main moved" in refused.message
    )
    assert "below the gate" in api.merge("bad", metadata={"expected_head": head}).message
    made = api.merge("good", metadata={"expected_head": head})
    assert made.status == 200

    runs = api.ok("GET", "R/actions/runs", branch="main")["results"]
    assert [run["status"] for run in runs] == ["completed", "failed", "failed"]
    assert runs[0]["event_type"] == "pre-merge"
    assert runs[0]["commit_id"] == made.json["reference"]
    assert api.ok("GET", "R/actions/runs", commit=made.json["reference"])["results"] == runs[:1]
    run_id = runs[0]["run_id"]
    assert api.ok("GET", f"R/actions/runs/{run_id}") == runs[0]
    hooks = api.ok("GET", f"R/actions/runs/{run_id}/hooks")["results"]
    assert [(hook["hook_run_id"], hook["action"], hook["hook_id"]) for hook in hooks] == [
        ("0000_0000", "promote gate", "expected_head")
    ]
    output = api("GET", f"R/actions/runs/{run_id}/hooks/0000_0000/output")
    assert output.body == b"merging good\n"
    page = api.ok("GET", "R/actions/runs", amount=2)
    rest = api.ok("GET", "R/actions/runs", after=page["pagination"]["next_offset"])
    assert page["results"] + rest["results"] == runs
    assert api("GET", "R/actions/runs", branch="a", commit="b").status == 400
    assert api("GET", "R/actions/runs/nosuch").status == 404
    assert api("GET", f"R/actions/runs/{run_id}/hooks/0001_0000/output").status == 404


def test_a_commit_shows_in_the_run_of_its_hook(api: Any) -> None:
    action = GATE.partition("hooks:")[0].replace("pre-merge: {branches: [main]}", "pre-commit: null")
    script = "hooks: [{id: say, type: lua, properties: {script: 'print(action.branch_id)'}}]"
    api.put("_lakefs_actions/say.yaml", action + script)
    made = api.commit()["id"]
    runs = api.ok("GET", "R/actions/runs", commit=made)["results"]
    assert [(run["event_type"], run["commit_id"]) for run in runs] == [("pre-commit", made)]


def test_a_revert_shows_in_the_run_of_its_hook(api: Any) -> None:
    action = GATE.partition("hooks:")[0].replace("pre-merge: {branches: [main]}", "pre-revert: null")
    script = "hooks: [{id: say, type: lua, properties: {script: 'print(action.branch_id)'}}]"
    api.put("_lakefs_actions/say.yaml", action + script)
    api.commit()
    api.put("more")
    api.ok("POST", "R/branches/main/revert", {"ref": api.commit()["id"], "parent_number": 1})
    runs = api.ok("GET", "R/actions/runs", commit=api.head())["results"]
    assert [run["event_type"] for run in runs] == ["pre-revert"]


def test_a_commit_to_no_branch_fails_where_its_hooks_are_looked_for(api: Any) -> None:
    answer = api("POST", "R/branches/nosuch/commits", {"message": "m"})
    assert answer.status == 404
    assert answer.message.startswith("prepare-commit hook aborted, run id '")
    assert answer.message.endswith("': list actions from commit: listing actions: not found")


def test_a_folder_among_the_action_files_is_not_found(api: Any) -> None:
    api.put("_lakefs_actions/folder/a.yaml")
    answer = api("POST", "R/branches/main/commits", {"message": "m"})
    assert answer.status == 404
    assert "_lakefs_actions/folder/" in answer.message
