"""Old outputs come back through the gate, on request and on record; nothing else brings them back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops.runs import names
from mlops.runs.decisions import Outcome, Reason
from mlops.runs.errors import InputError, NotFound, OnHold, Unlawful
from mlops.runs.main.state import read_main
from mlops.runs.promotion import promote
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import Step
from mlops.runs.rollback.rollback import resume
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, watched
from tests.support.protocol import World, new_world, train
from tests.support.returning import replaced, restored


@pytest.fixture
def world() -> World:
    """Two promotions, of which the second was rolled back and promotions resumed."""
    return rolled_back()


def rolled_back() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    made.roll_back()
    resume(made.ports, "go on")
    return made


class TestRestore:
    def test_old_outputs_are_promoted_under_a_new_number(self, world: World) -> None:
        old = world.lake.tags()["promotion-000002"]
        ended = restored(world, 2)
        state = read_main(world.lake)
        assert (ended.number, ended.merge_commit) == (4, state.head)
        assert state.champion is not None
        assert (state.champion.restores, state.champion.raw_commit) == (2, ended.run.fork)
        for prefix in (names.MODEL, names.PROCESSED):
            assert world.lake.list("main", prefix) == world.lake.list(old, prefix)

    def test_its_run_has_the_old_inputs_and_a_name_of_its_own(self, world: World) -> None:
        old = world.lake.read(world.lake.tags()["promotion-000002"], names.CHAMPION)
        ended = restored(world, 2)
        assert ended.run.run_id.removesuffix("r1").encode() in old
        assert ended.run.inputs.digest.encode() in old
        assert read_main(world.lake).is_revoked(ended.run.run_id.removesuffix("r1"))

    def test_the_request_is_on_record_before_anything_else(self, world: World) -> None:
        ended = restored(world, 2, "the data was right after all")
        asked = world.lake.commit_of(names.restored_tag(ended.run.run_id))
        opened = world.lake.commit_of(asked.parents[0])
        assert (opened.metadata["step"], asked.metadata["restores"]) == (Step.OPENED, "2")
        assert asked.metadata["reason"] == "the data was right after all"
        merged = world.lake.commit_of(ended.merge_commit).metadata
        assert (merged["restores"], merged["reason"]) == ("2", "the data was right after all")

    def test_it_is_decided_again_against_the_champion_of_today(self, world: World) -> None:
        ended = restored(world, 2)
        assert ended.decision.compared_to.number == 1
        assert ended.decision.verdict.look == 3
        assert ended.decision.verdict.findings[0].reason is Reason.BEATS_CHAMPION

    def test_it_is_refused_if_the_champion_of_today_is_better(self, world: World) -> None:
        world.run(mae=11.0)
        head = world.lake.head("main")
        ended = restored(world, 2)
        assert ended.decision.verdict.findings[0].reason is Reason.NO_GAIN
        assert world.lake.head("main") == head

    def test_a_refusal_is_told_again_and_decided_again_only_on_request(self, world: World) -> None:
        world.run(mae=11.0)
        first = restored(world, 2)
        assert restored(world, 2).evidence_commit == first.evidence_commit
        again = restored(world, 2, again=True)
        assert again.run.run_id.endswith("r2")
        assert again.decision.verdict.look == first.decision.verdict.look + 1

    def test_asked_twice_it_tells_how_it_ended(self, world: World) -> None:
        first, tags = restored(world, 2), world.lake.tags()
        second = restored(world, 2)
        assert (second.number, second.merge_commit) == (first.number, first.merge_commit)
        assert second.evidence_commit == first.evidence_commit
        assert world.lake.tags() == tags

    def test_one_that_is_rolled_back_again_returns_under_another_name(self, world: World) -> None:
        restored(world, 2)
        world.roll_back()
        resume(world.ports, "go on")
        ended = restored(world, 2)
        assert (ended.number, ended.run.run_id[-2:]) == (6, "r2")

    def test_one_that_was_restored_can_be_restored(self, world: World) -> None:
        restored(world, 2)
        world.roll_back()
        resume(world.ports, "go on")
        ended = restored(world, 4)
        assert (ended.number, ended.run.run_id[-2:], ended.run.restores) == (6, "r2", 4)

    def test_caches_follow(self, world: World) -> None:
        ended = restored(world, 2)
        tracker = world.ports.tracker
        version = tracker.version_of("flights", model_uri("flights", ended.merge_commit))
        assert version == tracker.alias("flights", CHAMPION_ALIAS)
        assert world.lake.tags()[names.CHAMPION_TAG] == ended.merge_commit

    def test_what_judges_may_be_given(self, world: World) -> None:
        ended = restored(world, 2, holdout=lambda _run, _old: b"newer rows")
        assert world.lake.read("main", names.HOLDOUT) == b"newer rows"
        assert world.lake.read(ended.evidence_commit, names.TRAIN) == b"train"

    def test_it_waits_for_the_hold_and_costs_no_look_until_then(self, world: World) -> None:
        world.run(mae=11.0)
        world.roll_back()
        looks = world.lake.tags("decision-")
        with pytest.raises(OnHold, match="resume"):
            restored(world, 2)
        assert world.lake.tags("decision-") == looks
        assert not world.lake.tags("restored-")

    def test_what_main_holds_is_not_restored(self, world: World) -> None:
        with pytest.raises(InputError, match="already"):
            restored(world, 1)

    @pytest.mark.parametrize("number", [3, 9])
    def test_a_number_of_no_promotion_is_refused(self, world: World, number: int) -> None:
        with pytest.raises(InputError, match="no promotion has this number"):
            restored(world, number)


class TestNothingElse:
    def test_the_same_inputs_are_refused_under_every_other_name(self, world: World) -> None:
        old = restored(world, 2).run
        world.roll_back()
        resume(world.ports, "go on")
        repeated = train(world.ports, 12.0, old.inputs, again=1)
        verdict = decide(world.ports, world.judge, repeated).decision.verdict
        assert [f.reason for f in verdict.findings] == [Reason.REPEATS_ROLLED_BACK]

    def test_a_return_that_was_rolled_back_does_not_return_by_itself(self, world: World) -> None:
        ended = restored(world, 2)
        world.roll_back()
        state = read_main(world.lake)
        assert state.is_revoked(ended.run.run_id)


class TestUnscorable:
    @pytest.fixture
    def broken(self) -> tuple[World, Promotion]:
        """A champion that cannot be scored, and a better run that was refused for that."""
        return refused_for_the_champion()

    def test_such_a_champion_refuses_every_candidate_on_record(self, broken: tuple[World, Promotion]) -> None:
        world, refused = broken
        verdict = refused.decision.verdict
        assert (verdict.outcome, [f.reason for f in verdict.findings]) == (
            Outcome.REFUSE,
            [Reason.CHAMPION_UNSCORABLE],
        )
        assert "its model file is lost" in verdict.sentence
        assert refused.evidence_commit in world.lake.tags("decision-").values()
        assert world.lake.commit_of(refused.run.head).metadata["reason"] == "champion_unscorable"

    def test_it_is_replaced_on_request_by_one_that_beats_the_baseline(
        self, broken: tuple[World, Promotion]
    ) -> None:
        world, refused = broken
        ended = replaced(world, refused.run.run_id, "lost with a disk")
        assert ended.number == 2
        assert [f.reason for f in ended.decision.verdict.findings] == [Reason.BEATS_BASELINE]
        assert ended.decision.compared_to.number == 1
        assert ended.decision.replace_unscorable == "lost with a disk"
        assert world.lake.commit_of("main").metadata["replace_unscorable"] == "lost with a disk"

    def test_one_that_does_not_beat_the_baseline_is_refused(self) -> None:
        world, refused = refused_for_the_champion(mae=21.0)
        ended = replaced(world, refused.run.run_id)
        assert [f.reason for f in ended.decision.verdict.findings] == [Reason.WORSE_THAN_BASELINE]
        assert ended.number == 0

    def test_a_champion_that_can_be_scored_after_all_is_compared_with(
        self, broken: tuple[World, Promotion]
    ) -> None:
        world, refused = broken
        world.judge.unscorable = ""
        ended = replaced(world, refused.run.run_id)
        assert ended.decision.verdict.findings[0].reason is Reason.BEATS_CHAMPION
        assert ended.decision.replace_unscorable == ""
        assert "replace_unscorable" not in world.lake.commit_of("main").metadata

    def test_given_again_it_tells_how_it_ended(self, broken: tuple[World, Promotion]) -> None:
        world, refused = broken
        first = replaced(world, refused.run.run_id)
        assert replaced(world, refused.run.run_id).merge_commit == first.merge_commit

    def test_it_is_no_way_past_another_refusal(self, world: World) -> None:
        refused = world.run(mae=15.0)
        with pytest.raises(InputError, match="no_gain"):
            replaced(world, refused.run.run_id)

    def test_it_is_no_way_past_a_hold_or_a_dropped_fork(self, broken: tuple[World, Promotion]) -> None:
        world, refused = broken
        world.judge.unscorable = ""
        world.run(mae=10.0)
        world.judge.unscorable = "lost again"
        late = world.run(mae=9.0)
        world.roll_back()
        with pytest.raises(OnHold):
            replaced(world, late.run.run_id)
        resume(world.ports, "go on")
        with pytest.raises(Unlawful, match="dropped"):
            replaced(world, late.run.run_id)
        assert refused.number == 0

    def test_without_the_reason_the_server_refuses_it(self, broken: tuple[World, Promotion]) -> None:
        world, refused = broken
        said = promote._exceptions
        promote._exceptions = lambda *_: {}  # type: ignore[assignment]
        try:
            with pytest.raises(Unlawful, match="not compared"):
                replaced(world, refused.run.run_id)
        finally:
            promote._exceptions = said

    def test_of_a_run_that_is_not_there_nothing_is_left(self, world: World) -> None:
        for run_id in ("0" * 12, "no run at all"):
            with pytest.raises(NotFound):
                replaced(world, run_id)


def refused_for_the_champion(mae: float = 12.0) -> tuple[World, Promotion]:
    world = new_world("2013-01", "2013-02")
    world.run(mae=14.0)
    world.judge.unscorable = "its model file is lost"
    return world, world.run(mae=mae)


# --- killed at every call

Prepare = Callable[[], tuple[World, Callable[[World], object]]]


def _restoring() -> tuple[World, Callable[[World], object]]:
    return rolled_back(), lambda world: restored(world, 2)


def _refused_restoring() -> tuple[World, Callable[[World], object]]:
    world = rolled_back()
    world.run(mae=11.0)
    return world, lambda world: restored(world, 2)


def _replacing() -> tuple[World, Callable[[World], object]]:
    world, refused = refused_for_the_champion()
    return world, lambda world: replaced(world, refused.run.run_id)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("prepare", [_restoring, _refused_restoring, _replacing])
def test_killed_at_every_call_and_run_again_ends_as_if_undisturbed(prepare: Prepare, after: bool) -> None:
    def ended(world: World) -> dict[str, object]:
        state = read_main(world.lake)
        champion = state.champion
        return {
            "champion": champion and (champion.number, champion.run_id, champion.restores),
            "tags": sorted(state.tags),
            "model": world.lake.read("main", "model/mae"),
            "champion at": state.tags["champion"] == state.head,
            "looks": world.lake.tags("decision-").keys(),
        }

    world, command = prepare()
    plan = FaultPlan()
    command(watched(world, plan))
    expected, calls = ended(world), len(plan.calls)
    for at in range(1, calls + 1):
        world, command = prepare()
        plan = FaultPlan(at, after)
        with pytest.raises(Died):
            command(watched(world, plan, processes=FakeProcesses("victim:1:1")))
        command(watched(world, FaultPlan(), processes=FakeProcesses("second:1:1")))
        assert ended(world) == expected, f"killed at call {at}, {plan.calls[-1]}, after={after}"
