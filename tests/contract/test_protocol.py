"""The run protocol and the enforcer, on every lake: the Lua that is shipped, and its double in memory."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.decisions import Outcome
from mlops.runs.errors import Unlawful
from mlops.runs.main.state import read_main
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.contract.helpers import PatientClock
from tests.support.forging import Candidate
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.runs.ports import Lake


@pytest.fixture
def world(lake: Lake) -> World:
    made = new_world("2013-01", "2013-02", lake=lake)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    return made


def test_a_run_is_promoted_and_a_worse_one_is_refused(world: World) -> None:
    won = world.run(mae=12.0)
    lost = world.run(mae=13.0)
    state = read_main(world.lake)
    assert state.head == won.merge_commit
    assert world.lake.commit_of(state.head).parents == (won.run.fork,)
    assert lost.decision.verdict.outcome is Outcome.REFUSE
    assert state.tags["champion"] == state.tags["promotion-000001"] == state.head


def test_the_loser_of_a_race_is_decided_again_and_laid_on_the_new_head(world: World) -> None:
    world.run(mae=14.0)
    first = decide(world.ports, world.judge, world.train(mae=12.0)).run
    second = decide(world.ports, world.judge, world.train(mae=11.0)).run
    assert promote(world.ports, world.judge, first).number == 2
    also = promote(world.ports, world.judge, second)
    assert (also.number, also.decided_again) == (3, 1)
    assert world.lake.read(world.lake.head("main"), "model/mae") == b"11.0"


def test_rollback_resets_main_and_holds_promotions(world: World) -> None:
    first = world.run(mae=14.0)
    world.arrive("2013-03")
    second = world.run(mae=12.0)
    world.roll_back()
    state = read_main(world.lake)
    assert state.head == first.merge_commit
    assert state.on_hold
    assert state.is_revoked(second.run.run_id)
    assert "main" in world.lake.protection().patterns
    assert not world.lake.staged("main")
    assert resume(world.ports, "go on")
    assert world.run(mae=11.0).number == 4


def test_a_frozen_main_refuses_every_merge(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=13.0)
    candidate = Candidate(world)
    plan = plan_rollback(world.ports, "half way")
    assert plan is not None
    frozen = freeze(world.ports, plan)
    candidate.metadata["expected_head"] = frozen
    with pytest.raises(Unlawful, match="rollback"):
        candidate.merge()
    assert "finished rollback" in reconcile(world.ports)[0]


def test_nothing_is_merged_until_a_rollback_is_settled(
    world: World, in_time: Callable[[Callable[[], object]], None]
) -> None:
    world.run(mae=14.0)
    world.run(mae=13.0)
    lake, plan = world.lake, plan_rollback(world.ports, "half way")
    assert plan is not None
    lake.create_tag("rolledback-000003", freeze(world.ports, plan))
    lake.protect(["others-*"], lake.protection().version)
    in_time(lambda: lake.discard(names.MAIN))
    in_time(lambda: lake.hard_reset(names.MAIN, plan.record.to_commit))
    lake.create_branch("arrival", names.MAIN)
    lake.write("arrival", "raw/flights/2013-09.parquet", b"rows")
    source = lake.commit("arrival", "arrives", {})
    metadata = {"kind": "ingest", "arrival": "2013-09", "expected_head": plan.record.to_commit}
    with pytest.raises(Unlawful, match="frozen: rolledback-000003 is not settled yet"):
        lake.merge(source, names.MAIN, "arrives", metadata)
    assert reconcile(world.ports)[0] == "finished rollback 3 to promotion 1"
    assert lake.head(names.MAIN) == plan.record.to_commit
    assert lake.merge(source, names.MAIN, "arrives", metadata) == lake.head(names.MAIN)


def test_a_rollback_does_not_wait_for_what_the_server_caches_and_is_settled_by_what_comes_next(
    world: World,
) -> None:
    first = world.run(mae=14.0)
    world.run(mae=13.0)
    reconcile(world.ports)
    begun = time.monotonic()
    assert rollback(world.ports, "it was wrong")
    took_s = time.monotonic() - begun
    sys.stdout.write(f"rolled back in {took_s:.1f} s\n")
    assert took_s < 8
    assert world.lake.head(names.MAIN) == first.merge_commit
    reconcile(world.ports)
    sys.stdout.write(f"settled after {time.monotonic() - begun:.1f} s\n")
    assert "settled-000003" in world.lake.tags()
    assert reconcile(world.ports) == []
    assert resume(world.ports, "go on")
