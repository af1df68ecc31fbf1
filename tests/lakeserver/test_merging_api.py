from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.lakeserver.merging import prepared


def test_a_merge_is_a_commit_with_two_parents(api: Any) -> None:
    source, main = prepared(api), api.head()
    answer = api.merge("dev", metadata={"k": "v"})
    assert answer.status == 200
    made = api.ok("GET", "R/commits/main")
    assert made["id"] == answer.json["reference"]
    assert made["parents"] == [main, source]
    assert made["metadata"] == {"k": "v", ".lakefs.merge.strategy": "default"}
    assert made["message"] == "Merge 'dev' into 'main'"
    assert made["generation"] == 3
    assert api.read("a") == b"x"


def test_a_squashed_merge_has_one_parent_and_can_be_repeated(api: Any) -> None:
    prepared(api)
    main = api.head()
    assert api.merge("dev", squash_merge=True, message="squashed").status == 200
    made = api.ok("GET", "R/commits/main")
    assert (made["parents"], made["message"]) == ([main], "squashed")
    assert api.merge("dev").status == 200
    assert api.merge("dev").message == "update branch main: no changes"


@pytest.mark.parametrize("source", ["dev", "dev@", "dev~1", "tag", "commit"])
def test_anything_committed_can_be_merged(api: Any, source: str) -> None:
    prepared(api)
    api.put("b", branch="dev")
    head = api.commit(branch="dev")["id"]
    api.ok("POST", "R/tags", {"id": "tag", "ref": "dev"})
    api.put("uncommitted", branch="dev")
    assert api.merge(head if source == "commit" else source).status == 200
    assert api.paths() == (["a"] if source == "dev~1" else ["a", "b"])


@pytest.mark.parametrize(
    ("source", "destination", "status", "message"),
    [
        ("nosuch", "main", 404, "update branch main: get commit by ref nosuch: not found"),
        ("a~x", "main", 400, "update branch main: get commit by ref a~x: could not parse modifier ~x"),
        ("main$", "main", 400, "update branch main: get commit by ref main$: reference 'main$'"),
        ("main", "nosuch", 404, "branch not found"),
        ("main", "main", 400, "update branch main: no changes"),
    ],
)
def test_refused_merges(api: Any, source: str, destination: str, status: int, message: str) -> None:
    answer = api.merge(source, destination)
    assert answer.status == status
    assert answer.message.startswith(message)


def test_an_empty_merge_has_to_be_allowed(api: Any) -> None:
    api.branch("dev")
    for how in ({"allow_empty": True}, {"force": True}):
        assert api.merge("dev", **how).status == 200
    assert api("POST", "R/refs/dev/merge/main").status == 400, "no body at all"
    assert api.merge("dev", strategy="zz").message == "argument strategy: invalid value: validation error"
    assert api.merge("dev", metadata={"a": 1}).status == 400


def test_a_dirty_destination_is_refused_before_conflicts_are_looked_for(api: Any) -> None:
    prepared(api)
    api.put("a", b"other")
    answer = api.merge("dev", force=True)
    assert (answer.status, answer.message) == (400, "uncommitted changes (dirty branch)")


def test_rows_that_change_nothing_do_not_hide_what_is_merged(api: Any) -> None:
    api.put("a", b"old")
    api.commit()
    prepared(api, data=b"new")
    api.put("a", b"old")
    api.put("gone")
    api.ok("DELETE", "R/branches/main/objects", path="gone")
    prepared(api, "other", "gone")
    assert api.merge("dev").status == 200
    assert api.merge("other").status == 200
    assert api.read("a") == b"new"
    assert api.paths() == ["a", "gone"]


def test_a_conflict_names_no_reference_and_changes_nothing(api: Any) -> None:
    prepared(api, data=b"theirs")
    api.put("a", b"ours")
    head = api.commit()["id"]
    answer = api.merge("dev")
    assert (answer.status, answer.json) == (409, {"reference": ""})
    assert api.head() == head
    assert api.diff("main", "dev") == [("conflict", "a")]
    assert api.merge("dev", strategy="dest-wins").status == 200
    assert api.read("a") == b"ours"


def test_the_source_can_win(api: Any) -> None:
    prepared(api, data=b"theirs")
    api.put("a", b"ours")
    api.commit()
    assert api.merge("dev", strategy="source-wins").status == 200
    assert api.read("a") == b"theirs"
    assert api.ok("GET", "R/commits/main")["metadata"] == {".lakefs.merge.strategy": "source-wins"}


def test_diffs(api: Any) -> None:
    for name in ("keep", "gone", "changed"):
        api.put(name)
    api.commit()
    api.branch("dev")
    api.put("changed", b"new", branch="dev")
    api.put("added/x", branch="dev")
    api.ok("DELETE", "R/branches/dev/objects", path="gone")
    api.commit(branch="dev")
    api.put("only main")
    api.commit()
    three = [("added", "added/x"), ("changed", "changed"), ("removed", "gone")]
    assert api.diff("main", "dev") == three
    assert api.diff("main", "dev", type="two_dot") == [*three, ("removed", "only main")]
    assert api.diff("main", "dev", delimiter="/")[0] == ("prefix_changed", "added/")
    assert api.diff("main", "dev", prefix="ch") == [("changed", "changed")]
    assert api.diff("main", "dev", after="added/x", amount=1) == [("changed", "changed")]
    api.put("not committed", branch="dev")
    assert ("added", "not committed") in api.diff("main", "dev$", type="two_dot")
    assert ("added", "not committed") not in api.diff("main", "dev", type="two_dot")
    rows = api.ok("GET", "R/refs/main/diff/dev", type="two_dot", include_right_stats="true")["results"]
    assert set(rows[0]["right"]) == {"checksum", "mtime", "content_type", "metadata"}
    assert api("GET", "R/refs/main/diff/dev", type="zz").status == 400


def test_the_merge_base(api: Any) -> None:
    base = api.head()
    source = prepared(api)
    api.put("b")
    main = api.commit()["id"]
    found = api.ok("GET", "R/refs/dev/merge/main")
    assert found == {"base_commit_id": base, "source_commit_id": main, "destination_commit_id": source}
    api.merge("dev")
    assert api.ok("GET", "R/refs/dev/merge/main")["base_commit_id"] == source


def test_reverting_a_merge(api: Any) -> None:
    api.put("kept")
    api.commit()
    prepared(api)
    api.merge("dev")
    target = "R/branches/main/revert"
    no_parent = api("POST", target, {"ref": "main", "parent_number": 0})
    assert (no_parent.status, no_parent.message.split(" for")[0]) == (
        409,
        "must specify 1-based parent number",
    )
    assert api("POST", target, {"ref": "main", "parent_number": 3}).status == 400
    assert api("POST", target, {"ref": "main"}).status == 400
    assert api("POST", target, {"ref": "main", "parent_number": 1}).status == 204
    assert api.paths() == ["kept"]
    assert api.ok("GET", "R/commits/main")["message"] == "Revert main"
    assert api.merge("dev").message == "update branch main: no changes"
    again = api("POST", target, {"ref": "main~1", "parent_number": 1})
    assert (again.status, again.message) == (400, "update branch: no changes")
    overrides = {"message": "back", "metadata": {"k": "v"}}
    assert (
        api("POST", target, {"ref": "main", "parent_number": 0, "commit_overrides": overrides}).status == 204
    )
    made = api.ok("GET", "R/commits/main")
    assert (made["message"], made["metadata"]) == ("back", {"k": "v"})
    assert api.paths() == ["a", "kept"]


def test_a_revert_of_what_changed_since_is_a_conflict(api: Any) -> None:
    api.put("a", b"1")
    first = api.commit()["id"]
    api.put("a", b"2")
    api.commit()
    answer = api("POST", "R/branches/main/revert", {"ref": first, "parent_number": 0})
    assert (answer.status, answer.message) == (409, "update branch: conflict found")
    api.put("b")
    dirty = api("POST", "R/branches/main/revert", {"ref": "main", "parent_number": 0})
    assert dirty.message == "uncommitted changes (dirty branch)"


def test_cherry_picking(api: Any) -> None:
    picked = prepared(api)
    api.put("b")
    api.commit()
    made = api.ok("POST", "R/branches/main/cherry-pick", {"ref": "dev"})
    assert made["message"] == "on dev"
    assert made["metadata"] == {"cherry-pick-origin": picked, "cherry-pick-committer": "tester"}
    assert api.paths() == ["a", "b"]
    root = api("POST", "R/branches/main/cherry-pick", {"ref": "main~2"})
    assert root.status == 400
    api.merge("dev", allow_empty=True)
    assert api("POST", "R/branches/dev/cherry-pick", {"ref": "main"}).status == 400
    assert api("POST", "R/branches/dev/cherry-pick", {"ref": "main", "parent_number": 2}).status == 201


def test_commits_race_uploads_and_lose_nothing(api: Any, new_api: Any, data_dir: Path) -> None:
    writers = [new_api(api.url, api.repository) for _ in range(4)]
    done = threading.Event()

    def write(number: int) -> None:
        for step in range(25):
            writers[number].put(f"{number}/{step}", f"{number}-{step}".encode())
            if step % 3 == 0:
                writers[number].ok("DELETE", "R/branches/main/objects", path=f"{number}/{step}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    statuses = set()
    while any(thread.is_alive() for thread in threads):
        statuses.add(api("POST", "R/branches/main/commits", {"message": "m"}).status)
    done.set()
    for thread in threads:
        thread.join()
    api("POST", "R/branches/main/commits", {"message": "last"})
    assert statuses <= {201, 400}
    expected = {f"{number}/{step}" for number in range(4) for step in range(25) if step % 3}
    assert set(api.paths("main@")) == expected
    assert api.ok("GET", "R/branches/main/diff")["results"] == []
    assert all(api.read(path).decode() == path.replace("/", "-") for path in expected)
