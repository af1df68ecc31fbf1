"""A run is forgotten on request: its rows are led to by nothing on record, and the record stays whole."""

from __future__ import annotations

import json

import pytest

from mlops.runs import names
from mlops.runs.errors import Frozen, InputError, NotPromoted, RunAlive, Unlawful
from mlops.runs.main.state import read_main
from mlops.runs.promotion.promote import Promotion
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.upkeep.forget import NOTE, forget
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.auditing import findings
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, watched
from tests.support.protocol import World, new_world, train
from tests.support.returning import restored


def rolled_back(*, forward: bool = False) -> tuple[World, Promotion]:
    """A run that was promoted as number 2 and rolled back; promotions go on."""
    world = new_world("2013-01", "2013-02")
    world.run(mae=14.0)
    dropped = world.run(mae=12.0)
    rollback(world.ports, "it was wrong", 1, forward=forward)
    reconcile(world.ports)
    resume(world.ports, "go on")
    return world, dropped


@pytest.fixture
def world_and_run() -> tuple[World, str]:
    world, dropped = rolled_back()
    return world, dropped.run.run_id


class TestForget:
    def test_its_record_tags_lead_to_the_request_alone(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        before = set(world.lake.tags())
        done = forget(world.ports, run_id, "asked by a person")
        tags = world.lake.tags()
        assert set(tags) == before | {names.forgotten_tag(run_id)}
        assert set(done.tags) == {"promotion-000002", f"revoked-{run_id}", f"decision-{'a' * 12}-2"}
        assert {tags[tag] for tag in done.tags} == {done.commit} == {tags[names.forgotten_tag(run_id)]}

    def test_the_request_holds_no_data(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        done = forget(world.ports, run_id, "asked by a person")
        paths = {s.path for s in world.lake.list(done.commit)}
        assert {p for p in paths if not p.startswith(names.ACTIONS)} == {NOTE}
        request = json.loads(world.lake.read(done.commit, NOTE))
        assert (request["run_id"], request["reason"]) == (run_id, "asked by a person")

    def test_its_branches_are_gone(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        done = forget(world.ports, run_id, "asked by a person")
        assert done.branches == (f"run-{run_id}-a1",)
        assert not world.lake.branches(f"run-{run_id}")
        assert not world.lake.branches("note-")

    def test_looks_numbers_and_bars_stay(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        before = read_main(world.lake)
        forget(world.ports, run_id, "asked by a person")
        state = read_main(world.lake)
        assert state.next_number == before.next_number == 4
        assert state.next_look("a" * 64) == before.next_look("a" * 64) == 3
        assert state.is_revoked(run_id)
        assert reconcile(world.ports) == []

    def test_the_tracker_says_so(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        done = forget(world.ports, run_id, "asked by a person")
        assert world.ports.tracker.runs[run_id]["mlops.forgotten"] == "asked by a person"  # type: ignore[attr-defined]
        assert any("MLflow" in kept for kept in done.kept)

    def test_what_still_refers_to_its_rows_is_named(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        kept = " ".join(forget(world.ports, run_id, "asked by a person").kept)
        assert "rolledback-000003" in kept  # the head that was left
        assert "promotion-000001" in kept  # the same rows, of another run
        assert "main holds the same training rows" in kept
        assert "raw/" in kept

    def test_given_again_it_tells_the_same(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        first = forget(world.ports, run_id, "asked by a person")
        tags = world.lake.tags()
        again = forget(world.ports, run_id, "asked once more")
        assert (again.commit, again.tags, again.branches) == (first.commit, first.tags, ())
        assert world.lake.tags() == tags

    def test_a_promotion_in_main_s_history_keeps_its_tag(self) -> None:
        world, dropped = rolled_back(forward=True)
        done = forget(world.ports, dropped.run.run_id, "asked by a person")
        assert "promotion-000002" not in done.tags
        assert any("main's history keeps promotion 2" in kept for kept in done.kept)
        assert reconcile(world.ports) == []

    def test_a_refused_run_too(self) -> None:
        world, _ = rolled_back()
        refused = world.run(mae=15.0)
        done = forget(world.ports, refused.run.run_id, "asked by a person")
        assert done.tags == (f"decision-{'a' * 12}-3",)


class TestAfterwards:
    def test_it_does_not_come_back(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        forget(world.ports, run_id, "asked by a person")
        with pytest.raises(InputError, match="forgotten"):
            restored(world, 2)
        for again in (0, 1):
            with pytest.raises(NotPromoted, match="forgotten"):
                train(world.ports, 12.0, _inputs(world), again=again)

    @pytest.mark.parametrize("forward", [False, True])
    def test_an_audit_finds_nothing_and_says_what_it_cannot_prove(self, forward: bool) -> None:
        world, dropped = rolled_back(forward=forward)
        restored(world, 2)
        with pytest.raises(InputError, match="main holds"):
            forget(world.ports, dropped.run.run_id, "asked by a person")
        world.run(mae=10.0)
        forget(world.ports, dropped.run.run_id, "asked by a person")
        assert not [finding for finding in findings(world) if finding.proved]
        assert ["whose outputs it restores, is gone" in f.what for f in findings(world)] == [True] * (
            not forward
        )

    def test_the_request_and_what_was_moved_are_kept(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        done = forget(world.ports, run_id, "asked by a person")
        for tag in (names.forgotten_tag(run_id), *(t for t in done.tags if not t.startswith("revoked-"))):
            with pytest.raises(Unlawful):
                world.lake.delete_tag(tag)


def _inputs(world: World) -> object:
    """Return the inputs of the run that was rolled back."""
    from tests.support.fakes import inputs

    return inputs({"mae": 12.0}, world.raw())


class TestRefused:
    def test_what_main_holds(self) -> None:
        world, _ = rolled_back()
        champion = read_main(world.lake).champion
        assert champion is not None
        with pytest.raises(InputError, match="main holds"):
            forget(world.ports, champion.run_id, "asked by a person")

    def test_a_run_at_work(self) -> None:
        world, _ = rolled_back()
        run = world.train(mae=11.0)
        with pytest.raises(RunAlive):
            forget(world.ports, run.run_id, "asked by a person")

    @pytest.mark.parametrize("run_id", ["0" * 12, "no run"])
    def test_what_is_not_there(self, run_id: str) -> None:
        world, _ = rolled_back()
        tags = world.lake.tags()
        with pytest.raises(InputError):
            forget(world.ports, run_id, "asked by a person")
        assert world.lake.tags() == tags

    def test_while_a_rollback_is_under_way(self, world_and_run: tuple[World, str]) -> None:
        world, run_id = world_and_run
        world.run(mae=11.0)
        plan = plan_rollback(world.ports, "half way")
        assert plan is not None
        freeze(world.ports, plan)
        with pytest.raises(Frozen):
            forget(world.ports, run_id, "asked by a person")


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_call_and_given_again_it_is_forgotten_once(after: bool) -> None:
    def end(world: World) -> object:
        tags = world.lake.tags()
        forgotten = {t: world.lake.commit_of(c).metadata["kind"] for t, c in tags.items() if t != "hold"}
        return forgotten, sorted(world.lake.branches("run-"))

    world, dropped = rolled_back()
    plan = FaultPlan()
    forget(watched(world, plan).ports, dropped.run.run_id, "asked by a person")
    expected, calls = end(world), len(plan.calls)
    for at in range(1, calls + 1):
        world, dropped = rolled_back()
        plan = FaultPlan(at, after)
        with pytest.raises(Died):
            forget(watched(world, plan).ports, dropped.run.run_id, "asked by a person")
        other = watched(world, FaultPlan(), processes=FakeProcesses("second:1:1"))
        forget(other.ports, dropped.run.run_id, "asked by a person")
        assert end(world) == expected, f"killed at call {at}, {plan.calls[-1]}, after={after}"


def test_main_does_not_go_back_to_what_was_forgotten() -> None:
    world = new_world("2013-01", "2013-02")
    world.run(mae=14.0)
    forgotten = world.run(mae=12.0)
    world.run(mae=10.0)
    forget(world.ports, forgotten.run.run_id, "asked by a person")
    with pytest.raises(InputError, match="was forgotten on request"):
        rollback(world.ports, "back", 2)
    record = rollback(world.ports, "back")
    assert record is not None
    assert record.to_number == 1
