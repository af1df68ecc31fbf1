"""Branches, commits, tags, differences and the log."""

from __future__ import annotations

from itertools import islice

import pytest

from mlops.runs.errors import Conflict, LakeError, NotFound
from mlops.runs.names import is_commit_id
from mlops.runs.ports import Change, Lake
from tests.contract.helpers import NOWHERE, commit_file, forked, on_main


class TestBranches:
    def test_a_new_repository_has_main_at_a_commit_without_parents(self, lake: Lake) -> None:
        head = lake.head("main")

        assert lake.branches() == {"main": head}
        assert is_commit_id(head)
        assert lake.commit_of(head).parents == ()
        assert lake.list("main") == []

    def test_are_listed_by_prefix_ascending(self, lake: Lake) -> None:
        head = lake.head("main")
        for name in ("run-b-a1", "ingest-1", "run-a-a1"):
            lake.create_branch(name, head)

        assert list(lake.branches("run-")) == ["run-a-a1", "run-b-a1"]
        assert set(lake.branches().values()) == {head}

    def test_a_name_is_taken_once(self, lake: Lake) -> None:
        commit = forked(lake, "run-1", {"a": b"1"})
        with pytest.raises(Conflict):
            lake.create_branch("run-1", lake.head("main"))

        assert lake.head("run-1") == commit

    def test_the_source_must_exist(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.create_branch("run-1", NOWHERE)
        assert list(lake.branches()) == ["main"]

    def test_a_removed_branch_is_gone_and_its_commits_are_not(self, lake: Lake) -> None:
        commit = forked(lake, "run-1", {"a": b"1"})
        lake.delete_branch("run-1")

        with pytest.raises(NotFound):
            lake.head("run-1")
        with pytest.raises(NotFound):
            lake.delete_branch("run-1")
        assert lake.read(commit, "a") == b"1"


class TestCommits:
    def test_carry_message_metadata_and_parent(self, lake: Lake) -> None:
        start = lake.head("main")
        lake.create_branch("run-1", start)
        lake.write("run-1", "a", b"1")
        metadata = {
            "step": "processed",
            "lease": '{"owner":"h:1"}',
            "::lakefs::MLflow::url[url:ui]": "http://x",
        }
        commit = lake.commit("run-1", "a message", metadata)

        found = lake.commit_of("run-1")
        assert (found.id, found.parents, found.message) == (commit, (start,), "a message")
        assert found.metadata == metadata
        assert found == lake.commit_of(commit)
        assert found.created_at_s > 0
        assert lake.staged("run-1") == []

    def test_without_changes_need_to_be_asked_for(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        with pytest.raises(LakeError, match="no changes"):
            lake.commit("run-1", "nothing", {})
        commit = lake.commit("run-1", "nothing", {"step": "opened"}, allow_empty=True)

        assert lake.head("run-1") == commit
        assert lake.diff(lake.head("main"), commit) == []

    def test_on_an_unknown_branch_are_not_found(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.commit("run-none", "m", {})
        with pytest.raises(NotFound):
            lake.commit_of(NOWHERE)


class TestCommitTree:
    def test_brings_the_whole_content_of_a_commit_as_one_new_commit(self, lake: Lake) -> None:
        old = on_main(lake, "run-1", {"a": b"1", "gone/b": b"1"})
        lake.create_branch("run-2", old)
        lake.remove("run-2", ["gone/b"])
        lake.write("run-2", "a", b"2")
        lake.write("run-2", "c", b"2")
        new = lake.commit("run-2", "change all", {})
        commit = lake.commit_tree("run-2", old, "as it was", {"kind": "x"})

        found = lake.commit_of("run-2")
        assert (found.id, found.parents, found.message) == (commit, (new,), "as it was")
        assert found.metadata == {"kind": "x"}
        assert lake.diff(old, commit) == []
        assert lake.read(commit, "gone/b") == b"1"

    def test_of_a_branch_that_forked_from_main_can_be_merged(self, lake: Lake) -> None:
        old = on_main(lake, "run-1", {"a": b"1", "b": b"1"})
        head = on_main(lake, "run-2", {"a": b"2", "c": b"2"})
        lake.create_branch("back", head)
        merge = lake.merge(lake.commit_tree("back", old, "back", {}), "main", "back", {})

        assert lake.commit_of(merge).parents == (head,)
        assert lake.diff(old, merge) == []

    def test_may_bring_what_is_there_already(self, lake: Lake) -> None:
        head = on_main(lake, "run-1", {"a": b"1"})
        lake.create_branch("same", head)

        assert lake.commit_tree("same", head, "again", {}) != head
        assert lake.diff(head, lake.head("same")) == []

    def test_is_refused_where_something_is_staged(self, lake: Lake) -> None:
        head = on_main(lake, "run-1", {"a": b"1"})
        lake.create_branch("dirty", head)
        lake.write("dirty", "b", b"staged")
        with pytest.raises(LakeError, match="uncommitted"):
            lake.commit_tree("dirty", head, "m", {})

        assert lake.head("dirty") == head

    def test_of_an_unknown_commit_is_not_found(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.commit_tree("main", NOWHERE, "m", {})


class TestTags:
    def test_are_set_only_where_there_is_none(self, lake: Lake) -> None:
        start, later = lake.head("main"), forked(lake, "run-1", {"a": b"1"})
        lake.create_tag("promotion-000001", start)
        for commit in (later, start):
            with pytest.raises(Conflict):
                lake.create_tag("promotion-000001", commit)

        assert lake.tags() == {"promotion-000001": start}

    def test_are_listed_by_prefix_ascending_and_name_commits(self, lake: Lake) -> None:
        start, later = lake.head("main"), forked(lake, "run-1", {"a": b"1"})
        for name, commit in (("revoked-b", start), ("champion", later), ("revoked-a", later)):
            lake.create_tag(name, commit)

        assert list(lake.tags("revoked-").items()) == [("revoked-a", later), ("revoked-b", start)]
        assert lake.commit_of("champion").id == later
        assert lake.read("champion", "a") == b"1"

    def test_a_removed_tag_can_be_set_again(self, lake: Lake) -> None:
        lake.create_tag("champion", lake.head("main"))
        lake.delete_tag("champion")
        with pytest.raises(NotFound):
            lake.delete_tag("champion")
        lake.create_tag("champion", lake.head("main"))

        assert list(lake.tags()) == ["champion"]

    def test_the_commit_must_exist(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.create_tag("champion", NOWHERE)


class TestDiff:
    def test_is_of_the_two_trees_and_not_of_their_histories(self, lake: Lake) -> None:
        base = on_main(lake, "run-0", {"same": b"0", "old": b"0", "gone": b"0"})
        left = forked(lake, "run-1", {"old": b"1", "left": b"1"}, base)
        lake.create_branch("run-2", base)
        lake.remove("run-2", ["gone"])
        right = commit_file(lake, "run-2", "right", b"2")

        assert lake.diff(left, right) == [
            Change("removed", "gone"),
            Change("removed", "left"),
            Change("changed", "old"),
            Change("added", "right"),
        ]
        assert lake.diff(left, right, "ri") == [Change("added", "right")]
        assert lake.diff(left, left) == []

    def test_of_unknown_commits_is_not_found(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.diff(lake.head("main"), NOWHERE)


class TestLog:
    def test_runs_from_the_newest_to_the_first_along_first_parents(self, lake: Lake) -> None:
        start = lake.head("main")
        first, second = on_main(lake, "run-1", {"a": b"1"}), on_main(lake, "run-2", {"b": b"2"})
        forked(lake, "run-3", {"c": b"3"})

        commits = list(lake.log("main"))
        assert [commit.id for commit in commits] == [second, first, start]
        assert [commit.parents for commit in commits] == [(first,), (start,), ()]
        assert [commit.id for commit in lake.log(first)] == [first, start]

    def test_is_read_as_far_as_it_is_wanted(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        ids = [lake.commit("run-1", f"{n}", {}, allow_empty=True) for n in range(130)]

        assert [commit.id for commit in islice(lake.log("run-1"), 2)] == ids[:-3:-1]
        assert [commit.id for commit in lake.log("run-1")][:-1] == ids[::-1]

    def test_of_an_unknown_ref_is_not_found(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            next(lake.log("run-none"))

    def test_an_error_of_the_reader_passes_through(self, lake: Lake) -> None:
        commits = lake.log("main")
        next(commits)
        with pytest.raises(ZeroDivisionError):
            getattr(commits, "throw")(ZeroDivisionError())  # noqa: B009 - generators have it, iterators not
