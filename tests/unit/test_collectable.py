"""What a sweep says becomes collectable: what only the branches that go hold."""

from __future__ import annotations

import dataclasses

import pytest

from mlops.runs import names
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.errors import ValidationFailed
from mlops.runs.promotion.attempts import fail
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.forward import go_forward
from mlops.runs.rollback.rollback import plan_rollback, rollback
from mlops.runs.upkeep.garbage import Collectable, becoming_collectable
from mlops.runs.upkeep.sweep import survey, sweep
from tests.support.fakes import FakeProcesses
from tests.support.faults import half_done
from tests.support.protocol import World, fails, new_world

NOTHING = Collectable(0, 0, 0)


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    return made


def found(world: World) -> dict[str, Collectable]:
    others = dataclasses.replace(world.ports, processes=FakeProcesses("third:3:3"))
    return becoming_collectable(world.lake, survey(others))


def test_what_was_merged_or_is_tagged_stays(world: World) -> None:
    refused = world.run(mae=15.0)
    told = found(world)
    assert told[refused.run.branch] == NOTHING
    merged = {branch: entry for branch, entry in told.items() if branch.startswith("ingest-2013_01")}
    assert list(merged.values()) == [NOTHING]  # its validation is kept by a tag, as a decision is
    promoted = next(entry for branch, entry in told.items() if branch not in merged and entry.commits)
    assert promoted.objects <= 1


def test_what_a_run_without_a_decision_wrote_goes(world: World) -> None:
    run = world.train(mae=12.0)
    fail(world.ports, run, "stopped", "by hand")
    told = found(world)[run.branch]
    written = [s for p in names.OUTPUTS for s in world.lake.list(run.branch, p)]
    assert told == Collectable(6, len(written), sum(s.size_bytes for s in written))


def test_what_a_later_attempt_goes_on_with_stays(world: World) -> None:
    run = world.train(mae=12.0)
    others = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2"))
    later = open_run(others, lambda _fork: run.inputs)
    told = found(world)
    assert told[run.branch] == NOTHING
    assert later.branch not in told


def test_a_failed_attempt_and_its_predecessor_are_counted_once(world: World) -> None:
    run = world.train(mae=12.0)
    others = dataclasses.replace(world.ports, processes=FakeProcesses("other:2:2"))
    later = open_run(others, lambda _fork: run.inputs)
    fail(others, later, "stopped", "by hand")
    told = found(world)
    assert told[run.branch].objects + told[later.branch].objects == 4


def test_what_was_laid_on_a_new_head_is_on_main(world: World) -> None:
    slow = decide(world.ports, world.judge, world.train(mae=11.0)).run
    world.run(mae=12.0)
    promote(world.ports, world.judge, slow)
    told = found(world)
    laid = next(entry for branch, entry in told.items() if branch.startswith("promote-"))
    assert (laid.commits, laid.objects) == (1, 0)


def test_nothing_of_it_leads_to_main_s_own_objects(world: World) -> None:
    with pytest.raises(ValidationFailed):
        ingest(world.ports, Delivery("2013-09", {"flights": b"broken"}, "test"), fails)
    assert not any(branch.startswith("ingest-2013_09") for branch in found(world))


@pytest.mark.parametrize("forward", [False, True])
def test_the_branch_of_an_arrival_that_was_dropped_goes_and_its_data_stays(
    world: World, forward: bool
) -> None:
    world.arrive("2013-03")
    rollback(world.ports, "it was wrong", 1, forward=forward)
    entry = next(e for e in survey(world.ports) if e.branch.startswith("ingest-2013_03"))
    assert (entry.over, entry.why) == (True, "its arrival is on main, its evidence is tagged")
    assert found(world)[entry.branch] == NOTHING


@pytest.mark.parametrize("forward", [False, True])
def test_a_second_delivery_of_what_was_dropped_goes_too(world: World, forward: bool) -> None:
    half_done(world, "lake.merge", lambda w: w.arrive("2013-03"))
    world.arrive("2013-03")
    rollback(world.ports, "it was wrong", 1, forward=forward)
    entries = [e for e in survey(world.ports) if e.branch.startswith("ingest-2013_03")]
    assert "its arrival was dropped by rollback 2, whose record keeps it" in {e.why for e in entries}
    assert all(e.over for e in entries)


class TestRollbackBranches:
    def test_one_that_was_announced_stays_until_it_is_made(self, world: World) -> None:
        world.run(mae=12.0)
        plan = plan_rollback(world.ports, "look", 1, forward=True)
        assert plan is not None
        world.lake.merge = None  # type: ignore[assignment, method-assign]
        with pytest.raises(TypeError):
            go_forward(world.ports, plan)
        del world.lake.merge  # type: ignore[attr-defined]
        entry = next(e for e in survey(world.ports) if e.branch.startswith("rollback-"))
        assert not entry.over
        world.roll_back(1)
        assert not any(e.branch.startswith("rollback-") and not e.over for e in survey(world.ports))

    def test_leftovers_of_notes_and_rehearsals_go(self, world: World) -> None:
        for branch in ("note-n1", "rehearsal-n1"):
            world.lake.create_branch(branch, world.lake.head("main"))
        sweep(world.ports, dry_run=False)
        assert not [b for b in world.lake.branches() if b.startswith(("note-", "rehearsal-"))]
