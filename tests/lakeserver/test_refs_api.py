from __future__ import annotations

from typing import Any

import pytest


def test_a_new_repository(api: Any) -> None:
    repo = api.ok("GET", "R")
    assert repo | {"creation_date": 0} == {
        "id": api.repository,
        "creation_date": 0,
        "default_branch": "main",
        "storage_namespace": f"local://{api.repository}",
        "storage_id": "",
        "read_only": False,
    }
    first = api.ok("GET", "R/commits/main")
    assert (first["message"], first["parents"], first["metadata"]) == ("Repository created", [], {})
    assert (first["generation"], first["version"], first["meta_range_id"]) == (1, 1, "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "AB", "storage_namespace": "local://n"}, 400),
        ({"name": "good-name", "storage_namespace": "n"}, 400),
        ({"name": "good-name", "storage_namespace": "s3://n"}, 400),
        ({"name": "good-name"}, 400),
        ({"name": 5, "storage_namespace": "local://n"}, 400),
        ({"name": "good-name", "storage_namespace": "local://n", "storage_id": "x"}, 400),
        ([], 400),
    ],
)
def test_refused_repositories(api: Any, body: Any, status: int) -> None:
    assert api("POST", "/repositories", body).status == status


def test_taken_names_and_namespaces(api: Any) -> None:
    body = {"name": api.repository, "storage_namespace": f"local://{api.repository}"}
    again = api("POST", "/repositories", body)
    assert (again.status, again.message) == (409, "error creating repository: not unique")
    other = api("POST", "/repositories", body | {"name": f"{api.repository}-b"})
    assert other.status == 400
    assert "storage namespace already in use" in other.message
    assert api("DELETE", "R").status == 204
    assert api("DELETE", "R").message == "repository not found"
    assert api("POST", "/repositories", body).status == 400
    bare = api("POST", "/repositories", body, bare="true")
    assert bare.status == 201
    assert api.ok("GET", "R/branches")["results"] == []


def test_repository_metadata(api: Any) -> None:
    assert api.ok("GET", "R/metadata") == {}
    api.ok("POST", "R/metadata", {"metadata": {"a": "1", "b": "2"}})
    api.ok("POST", "R/metadata", {"metadata": {"b": "3"}})
    api.ok("DELETE", "R/metadata", {"keys": ["a", "nosuch"]})
    assert api.ok("GET", "R/metadata") == {"b": "3"}


def test_a_read_only_repository_takes_forced_writes_alone(api: Any) -> None:
    name = f"{api.repository}-ro"
    api.ok("POST", "/repositories", {"name": name, "storage_namespace": f"local://{name}", "read_only": True})
    api.repository = name
    refused = api("POST", "R/branches", {"name": "b", "source": "main"})
    assert (refused.status, refused.message) == (403, "read-only repository")
    assert api("POST", "R/branches/main/objects", data=b"1", path="a").status == 403
    assert api("POST", "R/branches/main/objects", data=b"1", path="a", force="true").status == 201
    assert api("POST", "R/branches/main/commits", {"message": "m"}).status == 403
    assert api("POST", "R/branches/main/commits", {"message": "m", "force": True}).status == 201
    assert api("DELETE", "R").status == 403
    assert api("DELETE", "R", force="true").status == 204


def test_branches(api: Any) -> None:
    api.put("uncommitted")
    assert api.branch("b1") == api.head()
    assert api.paths("b1") == []
    api.ok("POST", "R/branches", {"name": "hid", "source": "main", "hidden": True})
    assert [row["id"] for row in api.ok("GET", "R/branches")["results"]] == ["b1", "main"]
    shown = api.ok("GET", "R/branches", show_hidden="True")["results"]
    assert [row["id"] for row in shown] == ["b1", "hid", "main"]
    assert [row["id"] for row in api.ok("GET", "R/branches", prefix="b", after="b0")["results"]] == ["b1"]
    assert api("DELETE", "R/branches/b1").status == 204
    assert api("GET", "R/branches/b1").message == "branch not found"
    default = api("DELETE", "R/branches/main")
    assert (default.status, default.message) == (403, "cannot delete repository default branch")


@pytest.mark.parametrize(
    ("name", "source", "status", "message"),
    [
        ("main", "main", 409, "branch already exists: not unique"),
        ("a.b", "main", 400, "argument branch: branch id: invalid value: validation error: branch id must"),
        ("b", "nosuch", 404, "source reference 'nosuch': not found"),
        ("b", "a~x", 400, "source reference 'a~x': could not parse modifier ~x"),
        ("b", "main~1", 404, "source reference 'main~1': not found"),
        ("b", "main^2", 400, "source reference 'main^2': ref: invalid value"),
        ("b", "main$", 500, "source reference 'main$': can't create a branch without commit"),
        ("v1", "main", 409, "tag ID v1: conflict found"),
    ],
)
def test_refused_branches(api: Any, name: str, source: str, status: int, message: str) -> None:
    api.ok("POST", "R/tags", {"id": "v1", "ref": "main"})
    answer = api("POST", "R/branches", {"name": name, "source": source})
    assert answer.status == status
    assert answer.message.startswith(message)


def test_names_of_branches_tags_and_commits_do_not_clash(api: Any) -> None:
    head = api.head()
    assert (
        api("POST", "R/branches", {"name": head, "source": "main"}).message
        == f"commit ID {head}: conflict found"
    )
    assert api("POST", "R/tags", {"id": head, "ref": "main"}).status == 409
    assert api("POST", "R/tags", {"id": "main", "ref": "main"}).message == "branch name main: conflict found"


def test_tags(api: Any) -> None:
    made = api.ok("POST", "R/tags", {"id": "v1.0", "ref": "main@"})
    assert made == {"id": "v1.0", "commit_id": api.head()}
    for force in (False, True):
        again = api("POST", "R/tags", {"id": "v1.0", "ref": "main", "force": force})
        assert (again.status, again.message) == (409, "tag already exists: not unique")
    assert api("POST", "R/tags", {"id": "v2", "ref": "main$"}).status == 400
    assert api("POST", "R/tags", {"id": "v2", "ref": "nosuch"}).status == 404
    assert api("POST", "R/tags", {"id": "a b", "ref": "main"}).status == 400
    assert api.ok("GET", "R/tags/v1.0") == made
    assert api.ok("GET", "R/tags")["results"] == [made]
    assert api("DELETE", "R/tags/v1.0").status == 204
    assert api("DELETE", "R/tags/v1.0").message == "tag not found"


def test_commits(api: Any) -> None:
    api.put("a")
    made = api.commit("first", metadata={"k": "v"}, date=1_600_000_000)
    assert made["committer"] == "tester"
    assert (made["creation_date"], made["metadata"], made["generation"]) == (1_600_000_000, {"k": "v"}, 2)
    assert api.ok("GET", "R/commits/main") == made
    assert api.ok("GET", f"R/commits/{made['id'][:10]}") == made
    empty = api("POST", "R/branches/main/commits", {"message": "m"})
    assert (empty.status, empty.message) == (400, "commit: no changes")
    api.put("a")
    assert api("POST", "R/branches/main/commits", {"message": "the same again"}).status == 400
    same_tree = api.commit("", allow_empty=True)
    assert same_tree["meta_range_id"] == made["meta_range_id"]


@pytest.mark.parametrize(
    ("ref", "status"),
    [(ref, 404) for ref in ("nosuch", "main~9", "a%20b", "%0A")]
    + [(ref, 500) for ref in ("main^9", "main%24", "~")],
)
def test_commits_that_are_not_there(api: Any, ref: str, status: int) -> None:
    assert api("GET", f"R/commits/{ref}").status == status


@pytest.mark.parametrize(
    "body", [{}, {"message": 1}, {"message": "m", "metadata": {"a": 1}}, {"message": "m", "date": "x"}]
)
def test_refused_commits(api: Any, body: dict[str, Any]) -> None:
    api.put("a")
    assert api("POST", "R/branches/main/commits", body).status == 400
    assert api.ok("GET", "R/branches/main/diff")["results"] != []


def test_an_old_tree_can_be_committed_again(api: Any) -> None:
    api.put("a")
    old = api.commit("old")
    api.put("b")
    api.commit("new")
    target = "R/branches/main/commits"
    api.put("dirty")
    query = {"source_metarange": old["meta_range_id"]}
    assert api("POST", target, {"message": "m"}, **query).status == 400
    api.ok("PUT", "R/branches/main", {"type": "reset"})
    back = api.ok("POST", target, {"message": "back"}, **query)
    assert back["meta_range_id"] == old["meta_range_id"]
    assert api.paths() == ["a"]
    assert api.ok("POST", target, {"message": "and again"}, **query)["parents"] == [back["id"]]
    for unknown in ("0" * 64, "zz"):
        assert api("POST", target, {"message": "m"}, source_metarange=unknown).status == 404
    assert api.paths() == ["a"]


def test_resetting_uncommitted_changes(api: Any) -> None:
    for name in ("a/1", "a/2", "b"):
        api.put(name)
    api.ok("PUT", "R/branches/main", {"type": "object", "path": "a/1"})
    assert api.paths() == ["a/2", "b"]
    api.ok("PUT", "R/branches/main", {"type": "common_prefix", "path": "a/"})
    assert api.paths() == ["b"]
    api.ok("PUT", "R/branches/main", {"type": "object", "path": "nosuch"})
    api.ok("PUT", "R/branches/main", {"type": "reset"})
    assert api.paths() == []
    assert api("PUT", "R/branches/main", {"type": "zz"}).status == 400
    assert api("PUT", "R/branches/main", {"type": "object"}).status == 400


def test_hard_reset(api: Any) -> None:
    first = api.head()
    api.put("a")
    second = api.commit()["id"]
    assert api("PUT", "R/branches/main/hard_reset", ref="main~1").status == 204
    assert api.head() == first
    assert api.paths() == []
    assert api("PUT", "R/branches/main/hard_reset", ref=second).status == 204
    assert api.paths() == ["a"]
    api.put("dirty")
    dirty = api("PUT", "R/branches/main/hard_reset", ref=first)
    assert (dirty.status, dirty.message) == (400, "uncommitted changes (dirty branch)")
    api.put("a")
    api.ok("PUT", "R/branches/main", {"type": "object", "path": "dirty"})
    assert api("PUT", "R/branches/main/hard_reset", ref=first).status == 204
    assert api.paths() == [], "a row that changed nothing must not show on the new head"
    assert (
        api("PUT", "R/branches/main/hard_reset", ref="nosuch").message
        == "hard-reset main to nosuch: not found"
    )
    assert api("PUT", "R/branches/main/hard_reset", ref="main$").status == 400
    assert api("PUT", "R/branches/main/hard_reset").status == 400


def test_the_log(api: Any) -> None:
    made = []
    for number in range(5):
        api.put(f"{'even' if number % 2 == 0 else 'odd'}/{number}")
        made.append(api.commit(str(number), date=1_700_000_000 + number)["id"])
    newest = list(reversed(made))

    def log(**query: Any) -> list[str]:
        return [row["id"] for row in api.ok("GET", "R/refs/main/commits", **query)["results"]]

    assert log()[:5] == newest
    assert log(after=newest[1], amount=2) == newest[2:4]
    assert log(prefixes="odd/") == [newest[1], newest[3]]
    assert log(objects=["even/0", "odd/3"]) == [newest[1], newest[4]]
    assert log(stop_at=newest[2]) == newest[:3]
    assert log(since="2023-11-14T22:13:23Z") == newest[:2]
    limited = api.ok("GET", "R/refs/main/commits", amount=2, limit="True")
    assert limited["pagination"]["has_more"] is False
    assert len(limited["results"]) == 2
    assert api("GET", "R/refs/nosuch/commits").message == "ref: not found"
    assert api("GET", "R/refs/main/commits", after="nosuch").message == "from ref: not found"
    assert api("GET", "R/refs/main/commits", since="yesterday").status == 400


def test_protected_branches(api: Any) -> None:
    api.put("a")
    api.commit()
    api.branch("dev")
    api.put("b", branch="dev")
    merge_source = api.commit(branch="dev")["id"]
    settings = "R/settings/branch_protection"
    first = api("GET", settings)
    assert (first.json, first.headers["ETag"]) == ([], "")
    assert api("PUT", settings, [{"pattern": "ma*"}]).status == 204
    etag = api("GET", settings).headers["ETag"]
    branch = "R/branches/main"
    refused = {
        "upload": api("POST", f"{branch}/objects", data=b"1", path="x"),
        "copy": api("POST", f"{branch}/objects/copy", {"src_path": "a"}, dest_path="x"),
        "delete": api("DELETE", f"{branch}/objects", path="a"),
        "metadata": api("PUT", f"{branch}/objects/stat/user_metadata", {"set": {}}, path="a"),
        "reset": api("PUT", branch, {"type": "reset"}),
        "commit": api("POST", f"{branch}/commits", {"message": "m", "force": True}),
        "hard_reset": api("PUT", f"{branch}/hard_reset", ref="main~1", force="true"),
    }
    assert {name: answer.status for name, answer in refused.items()} == dict.fromkeys(refused, 403)
    assert refused["upload"].message == "cannot write to protected branch"
    assert refused["commit"].message == "cannot commit to protected branch"
    assert refused["hard_reset"].message == "protected branch"
    many = api.ok("POST", f"{branch}/objects/delete", {"paths": ["a"]})["errors"]
    assert many == [{"status_code": 403, "message": "cannot write to protected branch", "path": "a"}]
    assert api.merge("dev").status == 200
    assert api("POST", f"{branch}/revert", {"ref": "main", "parent_number": 1}).status == 204
    assert api("POST", f"{branch}/cherry-pick", {"ref": merge_source}).status == 201
    stale = api("PUT", settings, [], headers={"If-Match": "stale"})
    assert (stale.status, stale.message) == (412, "Precondition failed")
    assert api("PUT", settings, [], headers={"If-Match": etag}).status == 204
    assert api("PUT", f"{branch}/hard_reset", ref="main~1").status == 204
    assert api("PUT", settings, [{"pattern": ""}]).status == 400
    assert api("PUT", settings, [{}]).status == 400
    assert api("PUT", settings, {}).status == 400


def test_retention_rules_are_kept(api: Any) -> None:
    rules = {"default_retention_days": 7, "branches": [{"branch_id": "main", "retention_days": 30}]}
    assert api("GET", "R/settings/gc_rules").status == 404
    assert api("PUT", "R/settings/gc_rules", rules).status == 204
    assert api.ok("GET", "R/settings/gc_rules") == rules
    assert api("DELETE", "R/settings/gc_rules").status == 204
    assert api("GET", "R/settings/gc_rules").status == 404


def test_pull_requests(api: Any) -> None:
    api.branch("dev")
    api.put("a", branch="dev")
    api.commit(branch="dev")
    wish = {"title": "t", "source_branch": "dev", "destination_branch": "main"}
    made = api.ok("POST", "R/pulls", wish)["id"]
    pull = api.ok("GET", f"R/pulls/{made}")
    assert [pull[k] for k in ("status", "title", "description", "author")] == ["open", "t", "", "tester"]
    assert api.ok("GET", "R/pulls", status="open")["results"] == [pull]
    assert api("PATCH", f"R/pulls/{made}", {"status": "closed", "description": "d"}).status == 204
    assert api("PUT", f"R/pulls/{made}/merge").message == "bad pull request status"
    assert [row["id"] for row in api.ok("GET", "R/pulls", status="closed")["results"]] == [made]
    assert api("PATCH", f"R/pulls/{made}", {"status": "open"}).status == 204
    merged = api.ok("PUT", f"R/pulls/{made}/merge")["reference"]
    assert merged == api.head()
    pull = api.ok("GET", f"R/pulls/{made}")
    assert (pull["status"], pull["merged_commit_id"]) == ("merged", merged)
    assert api("GET", "R/pulls/zz").status == 400
    assert api("GET", f"R/pulls/{'0' * 20}").status == 404
    assert api("GET", "R/pulls", status="zz").status == 400
    assert api("PATCH", f"R/pulls/{made}", {"status": "zz"}).status == 400
    assert api("POST", "R/pulls", wish | {"source_branch": "main"}).status == 400
    assert api("POST", "R/pulls", wish | {"source_branch": "nosuch"}).status == 404
    assert api("POST", "R/pulls", {}).status == 400


def test_names_that_cannot_be(api: Any) -> None:
    answer = api("GET", "/repositories/A%2Fb")
    assert (answer.status, answer.message) == (
        400,
        "argument repository: repository id: invalid value: validation error",
    )
    assert api("POST", "R/tags", {"id": "\ud800", "ref": "main"}).status == 400
    assert (
        api("POST", "R/branches/main/commits", {"message": "m", "date": 2**52, "allow_empty": True}).status
        == 400
    )
    assert api("PUT", "R/settings/branch_protection", [], headers={"If-Match": ""}).status == 400
