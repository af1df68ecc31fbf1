"""Arrivals that a rollback dropped are listed until somebody brings them again or writes them off."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.arrivals.dropped import outstanding_arrivals, write_off
from mlops.runs.errors import InputError, Unlawful
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, watched
from tests.support.protocol import World, new_world


@pytest.fixture(params=[False, True], ids=["reset", "forward"])
def world(request: pytest.FixtureRequest) -> World:
    """One promotion on main; another one and two arrivals were rolled back by rollback 3."""
    return dropped(forward=request.param)


def dropped(*, forward: bool) -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.arrive("2013-03")
    made.arrive("2013-02", b"corrected")
    made.run(mae=12.0)
    rollback(made.ports, "it was wrong", 1, forward=forward)
    reconcile(made.ports)
    return made


def listed(world: World) -> list[tuple[str, int]]:
    return [(e.arrival, e.number) for e in outstanding_arrivals(world.lake, read_main(world.lake))]


def test_what_was_added_or_replaced_is_outstanding(world: World) -> None:
    assert listed(world) == [("2013-02", 3), ("2013-03", 3)]


def test_what_is_ingested_again_is_not(world: World) -> None:
    world.arrive("2013-03", again=True)
    assert listed(world) == [("2013-02", 3)]
    world.arrive("2013-02", b"corrected once more")
    assert listed(world) == []


def test_what_is_written_off_is_not(world: World) -> None:
    assert [e.path for e in write_off(world.ports, "2013-03", "a test file")] == [
        "raw/flights/2013-03.parquet"
    ]
    assert listed(world) == [("2013-02", 3)]
    note = world.lake.commit_of("writtenoff-000003-2013-03").metadata
    assert (note["reason"], note["rollback"]) == ("a test file", "3")
    assert not world.lake.branches("note-")


def test_what_is_written_off_may_still_return_on_request(world: World) -> None:
    write_off(world.ports, "2013-03", "a test file")
    with pytest.raises(InputError, match="--again"):
        world.arrive("2013-03")
    world.arrive("2013-03", again=True)


def test_writing_off_twice_does_nothing(world: World) -> None:
    write_off(world.ports, "2013-03", "a test file")
    tags = world.lake.tags()
    assert write_off(world.ports, "2013-03", "once more") == []
    assert world.lake.tags() == tags


def test_the_record_of_it_is_kept(world: World) -> None:
    write_off(world.ports, "2013-03", "a test file")
    with pytest.raises(Unlawful, match="record"):
        world.lake.delete_tag("writtenoff-000003-2013-03")


@pytest.mark.parametrize("arrival", ["2013-01", "03", "2013-99"])
def test_only_what_is_outstanding_is_written_off(world: World, arrival: str) -> None:
    write_off(world.ports, "2013-03", "a test file")
    with pytest.raises(InputError, match="outstanding: 2013-02"):
        write_off(world.ports, arrival, "why not")


def test_what_came_again_and_was_dropped_again_is_outstanding_again(world: World) -> None:
    world.arrive("2013-03", again=True)
    resume(world.ports, "go on")
    world.run(mae=11.0)
    rollback(world.ports, "again", 1)
    assert listed(world) == [("2013-02", 3), ("2013-03", 3), ("2013-03", 5)]
    write_off(world.ports, "2013-03", "enough")
    assert listed(world) == [("2013-02", 3)]
    assert {t for t in world.lake.tags() if t.startswith("writtenoff-")} == {
        names.written_off_tag(n, "2013-03") for n in (3, 5)
    }


def test_what_an_earlier_rollback_dropped_stays_outstanding_after_one_that_went_further_back() -> None:
    world = new_world("2013-01")
    world.run(mae=15.0)
    world.arrive("2013-02")
    world.run(mae=14.0)
    world.arrive("2013-03")
    world.run(mae=12.0)
    rollback(world.ports, "it was wrong", 2)
    rollback(world.ports, "that too", 1)
    assert listed(world) == [("2013-03", 4), ("2013-02", 5)]


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_call_and_run_again_it_is_written_off_once(after: bool) -> None:
    plan, world = FaultPlan(), dropped(forward=False)
    write_off(watched(world, plan).ports, "2013-03", "a test file")
    for at in range(1, len(plan.calls) + 1):
        world = dropped(forward=False)
        with pytest.raises(Died):
            write_off(watched(world, FaultPlan(at, after)).ports, "2013-03", "a test file")
        write_off(
            watched(world, FaultPlan(), processes=FakeProcesses("second:1:1")).ports, "2013-03", "a test file"
        )
        assert listed(world) == [("2013-02", 3)]
