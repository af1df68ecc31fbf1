"""When a rollback is over: what is stopped until then, and what cannot reach `main` afterwards."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.audit.tracker import RECONCILE
from mlops.runs.errors import Frozen
from mlops.runs.main.protection import CACHE_S
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from mlops.runs.upkeep.stray_changes import drop_staged
from tests.support.auditing import findings
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World, new_world, passes

SETTLED = "settled-000003"


class LateLake(MemoryLake):
    """A server that goes by outdated protection rules for as long as it is told to."""

    late: bool = False

    def _is_protected(self, branch: str) -> bool:
        return not self.late and super()._is_protected(branch)


@pytest.fixture
def late() -> World:
    """A rollback whose reset is made, on a server that does not heed the protection of `main` since."""
    world = new_world("2013-01", lake=LateLake())
    for mae in (14.0, 12.0):
        world.run(mae=mae)
    lake_of(world).late = True
    assert rollback(world.ports, "it was wrong")
    return world


def lake_of(world: World) -> LateLake:
    assert isinstance(world.lake, LateLake)
    return world.lake


def test_a_rollback_does_not_wait_until_it_is_settled(late: World) -> None:
    state = read_main(late.lake)
    assert state.champion is not None
    assert (state.champion.number, state.tags["promotion-000001"]) == (1, state.head)
    assert state.rollback is not None
    assert state.rollback.number == 3
    assert state.frozen == state.tags["rolledback-000003"]
    assert SETTLED not in state.tags
    assert late.ports.clock.slept == 0  # type: ignore[attr-defined]


def test_nothing_is_merged_until_it_is(late: World) -> None:
    delivery = Delivery("2013-09", {"flights": b"rows"}, "test")
    with pytest.raises(Frozen, match="reconcile"):
        ingest(late.ports, delivery, passes)
    with pytest.raises(Frozen, match="reconcile"):
        resume(late.ports, "checked")
    lake_of(late).late = False
    reconcile(late.ports)
    assert ingest(late.ports, delivery, passes)
    assert resume(late.ports, "checked")


def test_caches_follow_without_waiting_for_it(late: World) -> None:
    reconcile(late.ports, patience_s=0)
    state = read_main(late.lake)
    assert state.tags["champion"] == state.head
    assert SETTLED not in state.tags
    assert reconcile(late.ports, patience_s=0) == []
    assert late.ports.clock.slept == 0  # type: ignore[attr-defined]


def test_whoever_waits_in_vain_is_told_what_to_do(late: World) -> None:
    with pytest.raises(Frozen, match="in some seconds"):
        reconcile(late.ports)
    assert late.ports.clock.slept == CACHE_S  # type: ignore[attr-defined]
    lake_of(late).late = False
    assert reconcile(late.ports)[0] == "finished rollback 3 to promotion 1"
    assert reconcile(late.ports) == []


def test_the_audit_says_that_it_is_not_settled_and_nothing_else(late: World) -> None:
    reconcile(late.ports, patience_s=0)
    found = findings(late)
    assert [(f.invariant, f.todo) for f in found] == [("I13", RECONCILE)]
    assert "rollback 3 is not completed yet" in found[0].what
    lake_of(late).late = False
    reconcile(late.ports)
    assert findings(late) == []


def test_what_is_staged_stays_while_a_rollback_is_under_way(late: World) -> None:
    late.lake.write(names.MAIN, "raw/stray", b"x")
    before = late.lake.protection()
    assert drop_staged(late.ports) == []
    assert late.lake.protection() == before


def test_a_reset_on_its_way_is_withdrawn_before_protection_is_lifted_for_anything_else(late: World) -> None:
    lake = lake_of(late)
    lake.late = False
    lake.create_branch("rollback-000003-late", read_main(lake).head)  # somebody is about to reset main to it
    lake.create_branch("rollback-000004-next", lake.head("main"))  # and somebody begins the next one
    reconcile(late.ports)
    lake.late = True
    lake.write(names.MAIN, "raw/stray", b"x")
    assert [change.path for change in drop_staged(late.ports)] == ["raw/stray"]
    assert list(lake.branches("rollback-")) == ["rollback-000004-next"]
    assert names.MAIN in lake.protection().patterns


def test_rules_of_others_are_kept_and_no_two_sets_of_rules_are_equal() -> None:
    world = new_world("2013-01")
    for mae in (14.0, 13.0, 12.0):
        world.run(mae=mae)
    world.lake.protect(["main", "stable-*"], world.lake.protection().version)
    seen = {world.lake.protection().version}
    protect = world.lake.protect

    def noted(patterns: list[str], version: str) -> None:
        protect(patterns, version)
        seen.add(world.lake.protection().version)

    world.lake.protect = noted  # type: ignore[method-assign, assignment]
    for to in (2, 1):
        assert rollback(world.ports, "it was wrong", to=to)
        reconcile(world.ports)
    assert len(seen) == 5
    assert world.lake.protection().patterns[:2] == ("main", "stable-*")
    assert len(world.lake.protection().patterns) == 3
