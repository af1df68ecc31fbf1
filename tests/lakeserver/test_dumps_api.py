"""Refs written down and read back, and commits written as they were elsewhere."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from mlops.lakeserver import Server
from mlops.lakeserver.store.collect import collect
from mlops.lakeserver.store.records import Commit

lakefs_sdk: Any = importlib.import_module("lakefs_sdk")
models: Any = importlib.import_module("lakefs_sdk.models")


@pytest.fixture
def history(api: Any) -> Any:
    """A repository with a merge, a tag and a hidden branch."""
    api.put("a/x", b"1")
    api.commit("first", metadata={"k": "v"})
    api.branch("side")
    api.put("b", b"2", branch="side")
    api.commit("second", branch="side")
    api.merge("side")
    api.ok("POST", "R/tags", {"id": "v1.0", "ref": "main"})
    api.ok("POST", "R/branches", {"name": "shy", "source": "main~1", "hidden": True})
    return api


def bare(api: Any, name: str, **fields: Any) -> None:
    body = {"name": name, "storage_namespace": f"local://{name}", **fields}
    api.ok("POST", "/repositories", body, bare="true")


def refs_of(api: Any, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    at = f"/repositories/{name}"
    return (
        api.ok("GET", f"{at}/branches", show_hidden="true")["results"],
        api.ok("GET", f"{at}/tags")["results"],
        api.ok("GET", f"{at}/refs/main/commits")["results"],
    )


def test_a_dump_restores_commits_branches_and_tags_with_their_ids(history: Any) -> None:
    name = history.repository
    parts = history.ok("PUT", "R/refs/dump")
    models.RefsDump(**parts)
    assert history.ok("PUT", "R/refs/dump") == parts
    bare(history, f"{name}-copy")
    answer = history("PUT", f"/repositories/{name}-copy/refs/restore", parts)
    assert (answer.status, answer.body) == (200, b"")
    assert refs_of(history, f"{name}-copy") == refs_of(history, name)
    shown = history.ok("GET", f"/repositories/{name}-copy/branches")["results"]
    assert "shy" not in [row["id"] for row in shown]
    assert history("GET", f"/repositories/{name}-copy/refs/main/objects", path="b").body == b"2"
    again = history("PUT", f"/repositories/{name}-copy/refs/restore", parts)
    assert (again.status, again.message) == (400, "can only restore into a bare repository")


def test_dump_and_restore_tasks_have_lakefs_shapes(history: Any) -> None:
    name = history.repository
    task = models.TaskInfo(**history.ok("POST", "R/dump"))
    assert task.id.startswith("DR")
    status = history.ok("GET", "R/dump", task_id=task.id)
    found = models.RepositoryDumpStatus(**status)
    assert found.done
    assert found.error is None
    assert status["refs"] == history.ok("PUT", "R/refs/dump")
    bare(history, f"{name}-task")
    submitted = history(
        "POST", f"/repositories/{name}-task/restore", status["refs"] | {"commits_meta_range_id": "no"}
    )
    assert submitted.status == 202
    failed = history.ok("GET", f"/repositories/{name}-task/restore", task_id=submitted.json["id"])
    assert (failed["done"], failed["error"]) == (True, "No data")
    task_id = history.ok("POST", f"/repositories/{name}-task/restore", status["refs"])["id"]
    done = history.ok("GET", f"/repositories/{name}-task/restore", task_id=task_id)
    models.RepositoryRestoreStatus(**done)
    assert "error" not in done
    assert refs_of(history, f"{name}-task") == refs_of(history, name)
    assert history("POST", f"/repositories/{name}-task/restore", status["refs"]).status == 400


def test_dumps_are_refused_as_lakefs_refuses_them(history: Any) -> None:
    task_id = history.ok("POST", "R/dump")["id"]
    assert history("GET", "R/dump").status == 400
    for path, wrong in (("R/dump", "DRxx"), ("R/restore", task_id)):
        answer = history("GET", path, task_id=wrong)
        assert (answer.status, answer.message) == (404, "not found")
    assert history("PUT", "/repositories/nowhere/refs/dump").message == "repository not found"
    answer = history("PUT", "R/refs/restore", {"commits_meta_range_id": "x"})
    assert answer.status == 400
    assert "is missing" in answer.message
    bare(history, f"{history.repository}-gone")
    parts = dict.fromkeys(("commits_meta_range_id", "branches_meta_range_id", "tags_meta_range_id"), "x")
    answer = history("PUT", f"/repositories/{history.repository}-gone/refs/restore", parts)
    assert (answer.status, answer.message) == (410, "No data")


def test_a_restore_of_what_was_collected_is_refused_whole(history: Any, server: Server) -> None:
    name = history.repository
    parts = history.ok("PUT", "R/refs/dump")
    history.ok("DELETE", "R")
    collect(server.lake.store, young_s=-1e9, clock=server.lake.clock)
    bare(history, f"{name}-late")
    answer = history("PUT", f"/repositories/{name}-late/refs/restore", parts)
    assert (answer.status, answer.message) == (410, "No data")
    assert history.ok("GET", f"/repositories/{name}-late/branches")["results"] == []


def record_of(commit: dict[str, Any], **changes: Any) -> dict[str, Any]:
    keys = ("committer", "message", "creation_date", "parents", "metadata", "generation", "version")
    fields = {key: commit[key] for key in keys}
    return fields | {"commit_id": commit["id"], "metarange_id": commit["meta_range_id"]} | changes


def test_a_commit_is_written_as_it_was(history: Any) -> None:
    target = f"{history.repository}-record"
    bare(history, target, read_only=True)
    log = history.ok("GET", "R/refs/main/commits")["results"]
    for commit in reversed(log):
        record = record_of(commit)
        models.CommitRecordCreation(**record)
        refused = history("POST", f"/repositories/{target}/commits", record)
        assert (refused.status, refused.message) == (403, "read-only repository")
        answer = history("POST", f"/repositories/{target}/commits", record | {"force": True})
        assert (answer.status, answer.body) == (204, b"")
        assert history.ok("GET", f"/repositories/{target}/commits/{commit['id']}") == commit
    again = history("POST", f"/repositories/{target}/commits", record_of(log[0], force=True))
    assert (again.status, again.message) == (409, "commit already exists: not unique")


def test_a_squashed_merge_is_written_as_it_was(history: Any) -> None:
    history.ok("POST", "R/branches", {"name": "long", "source": "main"})
    for number in range(3):
        history.put(f"long-{number}", b"x", branch="long")
        history.ok("POST", "R/branches/long/commits", {"message": f"step {number}"})
    history.ok("POST", "R/refs/long/merge/main", {"squash_merge": True})
    target = f"{history.repository}-squashed"
    bare(history, target)
    for commit in reversed(history.ok("GET", "R/refs/main/commits")["results"]):
        answer = history("POST", f"/repositories/{target}/commits", record_of(commit))
        assert (answer.status, answer.body) == (204, b"")


def test_commits_that_cannot_have_been_are_refused(history: Any) -> None:
    commit = history.ok("GET", "R/commits/v1.0")
    answer = history("POST", "R/commits", record_of(commit, message="forged"))
    assert (answer.status, answer.message) == (400, "commit id: invalid value: validation error")
    root = history.ok("GET", "R/commits/main~2")
    orphan = Commit(b"", (b"\x01" * 32,), 2, 0, "", "orphan")
    wrong = Commit(b"", (bytes.fromhex(root["id"]),), 1, 0, "", "as old as its parent")
    no_tree = Commit(b"\x02" * 32, (bytes.fromhex(root["id"]),), 2, 0, "", "no tree")
    for made, status in ((orphan, 404), (wrong, 400), (no_tree, 404)):
        record = {
            "commit_id": made.id.hex(),
            "version": 1,
            "committer": "",
            "message": made.message,
            "metarange_id": made.tree.hex(),
            "creation_date": 0,
            "parents": [parent.hex() for parent in made.parents],
            "generation": made.generation,
        }
        assert history("POST", "R/commits", record).status == status, made.message


def test_the_sdk_dumps_and_restores(history: Any, credentials: Any) -> None:
    configuration = lakefs_sdk.Configuration(
        host=f"{history.url}/api/v1",
        username=credentials.access_key_id,
        password=credentials.secret_access_key,
    )
    with lakefs_sdk.ApiClient(configuration) as client:
        repositories = lakefs_sdk.RepositoriesApi(client)
        task = repositories.dump_submit(history.repository)
        refs = repositories.dump_status(history.repository, task.id).refs
        bare(history, f"{history.repository}-sdk")
        restore = lakefs_sdk.RefsRestore(**refs.dict())
        started = repositories.restore_submit(f"{history.repository}-sdk", restore)
        assert repositories.restore_status(f"{history.repository}-sdk", started.id).done
    assert refs_of(history, f"{history.repository}-sdk") == refs_of(history, history.repository)


def test_a_read_only_repository_keeps_its_commits(history: Any, server: Server) -> None:
    target = f"{history.repository}-kept"
    bare(history, target, read_only=True)
    root = history.ok("GET", "R/commits/main~2")
    history.ok("POST", f"/repositories/{target}/commits", record_of(root, force=True))
    collect(server.lake.store, young_s=-1e9, clock=server.lake.clock)
    assert history.ok("GET", f"/repositories/{target}/commits/{root['id']}") == root
