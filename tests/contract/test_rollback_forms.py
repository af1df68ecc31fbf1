"""Rollbacks made forward and old outputs that return, on every lake: what the enforcer lets pass."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.errors import Unlawful
from mlops.runs.history import read_main
from mlops.runs.policy import apply_policy
from mlops.runs.reconcile import reconcile
from mlops.runs.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.rollback_forward import go_forward
from tests.support.fakes import FakeClock
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.runs.ports import Lake
    from mlops.runs.rollback import RollbackPlan


class PatientClock(FakeClock):
    """Real waiting: a real lakeFS notices lifted protection only some seconds later."""

    def sleep(self, seconds: float) -> None:
        import time

        time.sleep(seconds)


@pytest.fixture
def world(lake: Lake) -> World:
    """Two promotions, an arrival and a change of the policy in between."""
    made = new_world("2013-01", "2013-02", lake=lake)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    made.run(mae=14.0)
    made.arrive("2013-03")
    apply_policy(made.ports, {names.POLICY: b"metric: mae\nalpha: 0.05\n"}, "said aloud")
    made.run(mae=12.0)
    return made


def forward(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", 1, forward=True)
    reconcile(world.ports)


def test_old_content_comes_back_as_one_new_commit_under_the_gate_of_today(world: World) -> None:
    lake, before = world.lake, world.lake.head("main")
    forward(world)
    state = read_main(lake)
    assert lake.commit_of(state.head).parents == (before,)
    assert [c.path for c in lake.diff(state.tags["promotion-000001"], state.head)] == [names.POLICY]
    assert state.champion is not None
    assert state.champion.number == 1
    assert state.on_hold
    assert state.tags["champion"] == state.tags["promotion-000001"]
    assert lake.commit_of(state.tags["rolledback-000003"]).parents == (before,)
    assert lake.protection().patterns == ("main",)
    assert resume(world.ports, "go on")
    assert world.run(mae=11.0).number == 4


def test_what_was_dropped_can_be_reached_by_no_rollback(world: World) -> None:
    second = world.lake.tags()["promotion-000002"]
    forward(world)
    resume(world.ports, "go on")
    world.run(mae=11.0)
    before = world.lake.head("main")
    with pytest.raises(Unlawful, match="was rolled back"):
        freeze(world.ports, _forged(world, second))
    with pytest.raises(Unlawful, match="was rolled back"):
        go_forward(world.ports, _forged(world, second, forward=True))
    assert world.lake.head("main") == before


def _forged(world: World, to_commit: str, *, forward: bool = False) -> RollbackPlan:
    """Return a plan that goes back to a promotion which was dropped."""
    plan = plan_rollback(world.ports, "forged", 1, forward=forward)
    assert plan is not None
    record = dataclasses.replace(plan.record, to_commit=to_commit, to_number=2)
    return dataclasses.replace(plan, record=record)
