"""Rollbacks made forward and old outputs that return, on every lake: what the enforcer lets pass."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.arrivals.dropped import outstanding_arrivals, write_off
from mlops.runs.errors import Unlawful
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.rollback.forward import go_forward
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.garbage import becoming_collectable
from mlops.runs.upkeep.reconcile import reconcile
from mlops.runs.upkeep.sweep import survey
from tests.support.fakes import FakeClock
from tests.support.forging import Candidate
from tests.support.protocol import World, new_world
from tests.support.returning import replaced, restored

if TYPE_CHECKING:
    from mlops.runs.ports import Lake
    from mlops.runs.rollback.rollback import RollbackPlan


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


def test_old_outputs_return_through_the_gate_under_a_name_of_their_own(world: World) -> None:
    forward(world)
    resume(world.ports, "go on")
    ended = restored(world, 2)
    state = read_main(world.lake)
    assert (ended.number, state.head) == (4, ended.merge_commit)
    assert world.lake.read(state.head, "model/mae") == b"12.0"
    assert "raw/flights/2013-03.parquet" not in {s.path for s in world.lake.list(state.head)}
    with pytest.raises(Unlawful, match="is a record"):
        world.lake.delete_tag(names.restored_tag(ended.run.run_id))


def test_nobody_returns_under_such_a_name_unasked(world: World) -> None:
    candidate = Candidate(world, mae=11.0)
    name = f"{candidate.run.run_id}r1"
    candidate.metadata["run_id"] = candidate.champion["run_id"] = candidate.decision["run_id"] = name
    candidate.record(tag=False)
    with pytest.raises(Unlawful, match="nobody asked"):
        candidate.merge()


def test_what_was_rolled_back_is_not_repeated_under_another_name(world: World) -> None:
    candidate = Candidate(world, mae=11.0)
    world.lake.create_tag(names.revoked_tag(candidate.run.run_id), candidate.head)
    name = f"{candidate.run.run_id}n1"
    candidate.metadata["run_id"] = candidate.champion["run_id"] = candidate.decision["run_id"] = name
    candidate.record(tag=False)
    with pytest.raises(Unlawful, match="repeats"):
        candidate.merge()


def test_a_champion_that_cannot_be_scored_is_replaced_only_with_a_reason(world: World) -> None:
    world.judge.unscorable = "its model file is lost"
    refused = world.run(mae=11.0)
    assert refused.number == 0
    assert replaced(world, refused.run.run_id).number == 3
    assert world.lake.commit_of("main").metadata["replace_unscorable"] == "its model file is lost"


def _forged(world: World, to_commit: str, *, forward: bool = False) -> RollbackPlan:
    """Return a plan that goes back to a promotion which was dropped."""
    plan = plan_rollback(world.ports, "forged", 1, forward=forward)
    assert plan is not None
    record = dataclasses.replace(plan.record, to_commit=to_commit, to_number=2)
    return dataclasses.replace(plan, record=record)


def test_a_run_is_forgotten_and_its_request_is_kept(world: World) -> None:
    run_id = _champion(world)
    forward(world)
    resume(world.ports, "go on")
    done = forget(world.ports, run_id, "asked by a person")
    tags = world.lake.tags()
    assert {tags[tag] for tag in done.tags} == {done.commit} == {tags[names.forgotten_tag(run_id)]}
    assert not world.lake.branches(f"run-{run_id}")
    for tag in (names.forgotten_tag(run_id), f"decision-{'a' * 12}-2"):
        with pytest.raises(Unlawful):
            world.lake.delete_tag(tag)
    assert reconcile(world.ports) == []
    assert world.run(mae=11.0).number == 4


def test_what_was_dropped_is_written_off_on_record(world: World) -> None:
    forward(world)
    write_off(world.ports, "2013-03", "a test file")
    assert outstanding_arrivals(world.lake, read_main(world.lake)) == []
    with pytest.raises(Unlawful, match="record"):
        world.lake.delete_tag("writtenoff-000003-2013-03")


def test_what_the_suites_said_of_an_arrival_is_kept_by_the_server(world: World) -> None:
    tags = world.lake.tags(names.VALIDATED_TAGS)
    assert tags
    with pytest.raises(Unlawful, match="record"):
        world.lake.delete_tag(next(iter(tags)))


def test_what_becomes_collectable_is_told(world: World) -> None:
    world.run(mae=15.0)
    told = becoming_collectable(world.lake, survey(world.ports))
    assert all(entry.objects <= 1 for entry in told.values())
    assert {branch.split("-")[0] for branch in told} <= {"ingest", "run"}


def _champion(world: World) -> str:
    champion = read_main(world.lake).champion
    assert champion is not None
    return champion.run_id
