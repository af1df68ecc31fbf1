"""Merging into `main`: squashed, never with a strategy, refused by conflict, by a moved head, by the law."""

from __future__ import annotations

import pytest

from mlops.runs.errors import Conflict, LakeError, MainMoved, NotFound, Unlawful
from mlops.runs.ports import Change, Lake
from tests.contract.helpers import ENFORCER, NOWHERE, commit_file, forked, on_main

GATE = "_lakefs_actions/gate.yaml"


class TestMerge:
    def test_is_squashed_and_carries_the_metadata_of_the_request(self, lake: Lake) -> None:
        start = lake.head("main")
        lake.create_branch("run-1", start)
        source = commit_file(lake, "run-1", "a", b"1", step="sealed")
        merge = lake.merge(source, "main", "promote it", {"kind": "promotion", "number": "1"})

        commit = lake.commit_of("main")
        assert (commit.id, commit.parents, commit.message) == (merge, (start,), "promote it")
        assert commit.metadata.items() >= {"kind": "promotion", "number": "1"}.items()
        assert "step" not in commit.metadata
        assert lake.diff(start, merge) == [Change("added", "a")]
        assert source not in [entry.id for entry in lake.log("main")]

    def test_keeps_what_the_other_side_changed_elsewhere(self, lake: Lake) -> None:
        base = on_main(lake, "run-0", {"a": b"0", "b": b"0", "gone": b"0"})
        lake.create_branch("run-1", base)
        lake.remove("run-1", ["gone"])
        source = commit_file(lake, "run-1", "a", b"1")
        on_main(lake, "run-2", {"b": b"2"})
        merge = lake.merge(source, "main", "merge", {})

        assert {stat.path: lake.read(merge, stat.path) for stat in lake.list(merge)} == {"a": b"1", "b": b"2"}

    def test_refuses_where_both_sides_changed_an_object(self, lake: Lake) -> None:
        base = on_main(lake, "run-0", {"champion.json": b"0"})
        source = forked(lake, "run-1", {"champion.json": b"1"}, base)
        head = on_main(lake, "run-2", {"champion.json": b"2"})
        with pytest.raises(Conflict):
            lake.merge(source, "main", "merge", {})

        assert lake.head("main") == head
        assert lake.staged("main") == []

    def test_refuses_where_one_side_removed_what_the_other_changed(self, lake: Lake) -> None:
        base = on_main(lake, "run-0", {"a": b"0", "b": b"0"})
        source = forked(lake, "run-1", {"a": b"1"}, base)
        lake.create_branch("run-2", base)
        lake.remove("run-2", ["a"])
        lake.merge(lake.commit("run-2", "remove", {}), "main", "merge", {})

        with pytest.raises(Conflict):
            lake.merge(source, "main", "merge", {})

    def test_the_same_change_on_both_sides_is_no_conflict(self, lake: Lake) -> None:
        start = lake.head("main")
        source = forked(lake, "run-1", {"a": b"same", "b": b"1"}, start)
        on_main(lake, "run-2", {"a": b"same"})
        merge = lake.merge(source, "main", "merge", {})

        assert lake.read(merge, "b") == b"1"

    def test_of_a_branch_without_changes_is_refused(self, lake: Lake) -> None:
        older, head = lake.head("main"), on_main(lake, "run-0", {"a": b"0"})
        lake.create_branch("run-1", head)
        empty = lake.commit("run-1", "nothing", {}, allow_empty=True)
        for source in (older, head, empty):
            with pytest.raises(LakeError, match="no changes"):
                lake.merge(source, "main", "merge", {})

    def test_a_squashed_source_can_be_merged_again_to_no_effect(self, served: Lake) -> None:
        """A lost answer must be noticed before it is repeated: squashing leaves no trace in the parents."""
        source = forked(served, "run-1", {"a": b"1"})
        first = served.merge(source, "main", "merge", {})
        second = served.merge(source, "main", "merge", {})

        assert served.commit_of(second).parents == (first,)
        assert served.diff(first, second) == []

    def test_waits_for_nothing_that_is_staged_on_the_target(self, lake: Lake) -> None:
        source = forked(lake, "run-1", {"a": b"1"})
        lake.write("main", "b", b"staged")
        with pytest.raises(LakeError, match="uncommitted"):
            lake.merge(source, "main", "merge", {})

    def test_of_an_unknown_commit_or_into_an_unknown_branch_is_not_found(self, lake: Lake) -> None:
        source = forked(lake, "run-1", {"a": b"1"})
        with pytest.raises(NotFound):
            lake.merge(NOWHERE, "main", "merge", {})
        with pytest.raises(NotFound):
            lake.merge(source, "none", "merge", {})


class TestEnforcer:
    def test_lets_the_expected_head_pass(self, lua_lake: Lake) -> None:
        head = lua_lake.head("main")
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode(), "a": b"1"})
        merge = lua_lake.merge(source, "main", "merge", {"expected_head": head, "kind": "setup"})

        assert lua_lake.head("main") == merge

    def test_a_moved_head_has_an_error_of_its_own(self, lua_lake: Lake) -> None:
        head = lua_lake.head("main")
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode(), "a": b"1"})
        moved_to = on_main(lua_lake, "run-2", {"b": b"2"})
        with pytest.raises(MainMoved) as caught:
            lua_lake.merge(source, "main", "merge", {"expected_head": head, "kind": "promotion"})

        assert caught.value.what == f"main is at {moved_to}"
        assert caught.value.retryable
        assert lua_lake.head("main") == moved_to

    def test_metadata_that_is_missing_is_a_moved_head_too(self, lua_lake: Lake) -> None:
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode()})
        with pytest.raises(MainMoved):
            lua_lake.merge(source, "main", "merge", {})

    def test_any_other_refusal_is_told_in_the_enforcers_own_sentence(self, lua_lake: Lake) -> None:
        head = lua_lake.head("main")
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode()})
        with pytest.raises(Unlawful) as caught:
            lua_lake.merge(source, "main", "merge", {"expected_head": head})

        assert caught.value.what == "a merge must name its kind"
        assert not caught.value.retryable
        assert lua_lake.head("main") == head

    def test_a_broken_script_refuses_and_says_why(self, lua_lake: Lake) -> None:
        head = lua_lake.head("main")
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode()})
        with pytest.raises(Unlawful) as caught:
            lua_lake.merge(source, "main", "merge", {"expected_head": head, "kind": "broken"})

        assert caught.value.what == "the script broke"

    def test_sees_the_head_of_the_attempt_and_not_of_the_fork(self, lua_lake: Lake) -> None:
        source = forked(lua_lake, "run-1", {GATE: ENFORCER.encode(), "a": b"1"})
        head = on_main(lua_lake, "run-2", {"b": b"2"})
        lua_lake.merge(source, "main", "merge", {"expected_head": head, "kind": "ingest"})

        assert lua_lake.commit_of("main").parents == (head,)

    def test_is_read_from_the_source_of_the_merge(self, lua_lake: Lake) -> None:
        """Hence a candidate's copy of it has to be compared with the one on `main`, by digest."""
        on_main(lua_lake, "setup-1", {"a": b"1"})
        gated = forked(lua_lake, "run-1", {GATE: ENFORCER.encode()})
        ungated = forked(lua_lake, "run-2", {"b": b"2"})
        with pytest.raises(MainMoved):
            lua_lake.merge(gated, "main", "merge", {})
        lua_lake.merge(ungated, "main", "merge", {})

        assert lua_lake.read("main", "b") == b"2"
