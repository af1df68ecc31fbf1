"""Protection of `main`, and moving it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops.runs.errors import Conflict, LakeDenied, NotFound
from mlops.runs.ports import Change, Lake
from tests.contract.helpers import NOWHERE, forked, on_main

InTime = Callable[[Callable[[], object]], None]


class TestHardReset:
    def test_makes_an_older_commit_the_head(self, lake: Lake) -> None:
        old, new = on_main(lake, "run-1", {"a": b"1"}), on_main(lake, "run-2", {"a": b"2", "b": b"2"})
        lake.hard_reset("main", old)

        assert lake.head("main") == old
        assert [stat.path for stat in lake.list("main")] == ["a"]
        assert lake.read("main", "a") == b"1"
        assert lake.staged("main") == []
        assert lake.read(new, "b") == b"2"

    def test_can_move_forward_again(self, lake: Lake) -> None:
        old, new = on_main(lake, "run-1", {"a": b"1"}), on_main(lake, "run-2", {"b": b"2"})
        lake.hard_reset("main", old)
        lake.hard_reset("main", new)

        assert lake.head("main") == new

    def test_after_discard_nothing_staged_is_left(self, lake: Lake) -> None:
        old = on_main(lake, "run-1", {"a": b"1"})
        on_main(lake, "run-2", {"b": b"2"})
        lake.write("main", "c", b"staged")
        lake.discard("main")
        lake.hard_reset("main", old)

        assert (lake.head("main"), lake.staged("main")) == (old, [])

    def test_to_an_unknown_commit_changes_nothing(self, lake: Lake) -> None:
        head = on_main(lake, "run-1", {"a": b"1"})
        with pytest.raises(NotFound):
            lake.hard_reset("main", NOWHERE)
        with pytest.raises(NotFound):
            lake.hard_reset("none", head)

        assert lake.head("main") == head


class TestProtection:
    def test_rules_are_replaced_only_at_the_version_that_was_read(self, lake: Lake) -> None:
        unset = lake.protection()
        assert unset.patterns == ()
        lake.protect(["main"], unset.version)
        first = lake.protection()
        lake.protect(["main", "stable-*"], first.version)
        for stale in (unset.version, first.version, "other"):
            with pytest.raises(Conflict):
                lake.protect([], stale)

        assert lake.protection().patterns == ("main", "stable-*")

    def test_a_protected_branch_takes_merges_and_nothing_else(
        self, lake: Lake, refused_in_time: InTime
    ) -> None:
        old, head = on_main(lake, "run-1", {"a": b"1"}), on_main(lake, "run-2", {"b": b"2"})
        lake.protect(["main"], lake.protection().version)
        # The first call that is denied shows that the rule is known; it changes nothing before that.
        refused_in_time(lambda: lake.hard_reset("main", head))
        denied: list[Callable[[], object]] = [
            lambda: lake.write("main", "c", b"3"),
            lambda: lake.remove("main", ["a"]),
            lambda: lake.copy("main", "c", head, "a"),
            lambda: lake.commit("main", "m", {}, allow_empty=True),
            lambda: lake.hard_reset("main", old),
            lambda: lake.discard("main"),
        ]
        for call in denied:
            with pytest.raises(LakeDenied):
                call()
        merge = lake.merge(forked(lake, "run-3", {"c": b"3"}), "main", "merge", {})

        assert lake.head("main") == merge
        assert lake.diff(head, merge) == [Change("added", "c")]

    def test_is_lifted_for_a_rollback_and_restored(
        self, lake: Lake, in_time: InTime, refused_in_time: InTime
    ) -> None:
        old = on_main(lake, "run-1", {"a": b"1"})
        on_main(lake, "run-2", {"a": b"2"})
        lake.protect(["main"], lake.protection().version)
        refused_in_time(lambda: lake.hard_reset("main", lake.head("main")))
        lake.protect([], lake.protection().version)
        in_time(lambda: lake.discard("main"))
        in_time(lambda: lake.hard_reset("main", old))
        lake.protect(["main"], lake.protection().version)
        refused_in_time(lambda: lake.hard_reset("main", old))

        assert lake.head("main") == old
        assert lake.protection().patterns == ("main",)
