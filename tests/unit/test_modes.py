"""Mode dev: everything may be tried, and nothing is promoted, neither now nor later by another way."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mlops.runs import names
from mlops.runs.decisions import Reason, Verdict
from mlops.runs.digest import digest_of
from mlops.runs.errors import PromotionOff
from mlops.runs.inputs import Mode
from mlops.runs.main.state import read_main
from mlops.runs.promotion import decision as deciding
from mlops.runs.promotion import promote as promoting
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import promote
from mlops.runs.promotion.replace_champion import latest_decided, own_attempt
from mlops.runs.promotion.review import approve, override
from mlops.runs.records import Run
from tests.support.auditing import findings
from tests.support.fakes import inputs
from tests.support.protocol import World, new_world
from tests.support.returning import replaced, restored


@pytest.fixture
def world() -> World:
    """A repository with one promotion."""
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    return made


def in_mode(world: World, mode: Mode) -> World:
    return World(world.lake, dataclasses.replace(world.ports, mode=mode, proved={}), world.judge)


class TestDevRun:
    def test_is_judged_against_the_champion_and_not_promoted(self, world: World) -> None:
        head = world.lake.head("main")
        ended = in_mode(world, Mode.DEV).run(mae=12.0)

        verdict = ended.decision.verdict
        assert (ended.merge_commit, world.lake.head("main")) == ("", head)
        assert [f.reason for f in verdict.findings][:2] == [Reason.DEV_RUN, Reason.BEATS_CHAMPION]
        assert (verdict.promotes, verdict.would_promote) == (False, True)
        assert verdict.intervals
        assert "it would be promoted" in verdict.sentence

    def test_that_is_worse_says_so(self, world: World) -> None:
        verdict = in_mode(world, Mode.DEV).run(mae=15.0).decision.verdict

        assert (verdict.would_promote, verdict.findings[1].reason) == (False, Reason.NO_GAIN)
        assert "it would be refused" in verdict.sentence

    def test_counts_as_an_evaluation_and_says_that(self, world: World) -> None:
        before = {tag for tag in world.lake.tags() if names.parse_decision_tag(tag)}
        ended = in_mode(world, Mode.DEV).run(mae=12.0)

        new = {tag for tag in world.lake.tags() if names.parse_decision_tag(tag)} - before
        assert len(new) == 1
        assert f"number {ended.decision.verdict.look} on this holdout" in ended.decision.verdict.sentence

    def test_does_not_stand_in_the_way_of_the_same_run_elsewhere(self, world: World) -> None:
        tried = in_mode(world, Mode.DEV).run(mae=12.0)
        made = in_mode(world, Mode.PRODUCTION).run(mae=12.0)

        assert made.run.run_id != tried.run.run_id
        assert (made.number, read_main(world.lake).champion.run_id) == (2, made.run.run_id)  # type: ignore[union-attr]

    def test_repeats_what_was_rolled_back_as_elsewhere(self, world: World) -> None:
        world.run(mae=12.0)
        world.roll_back()
        verdict = in_mode(world, Mode.DEV).run(mae=12.0).decision.verdict

        assert [f.reason for f in verdict.findings] == [Reason.DEV_RUN, Reason.REPEATS_ROLLED_BACK]

    def test_leaves_a_history_that_audits_clean(self, world: World) -> None:
        in_mode(world, Mode.DEV).run(mae=12.0)
        world.run(mae=11.0)

        assert findings(world) == []


class TestLater:
    @pytest.fixture
    def tried(self, world: World) -> Run:
        return in_mode(world, Mode.DEV).run(mae=12.0).run

    @pytest.mark.parametrize("mode", [Mode.STANDARD, Mode.PRODUCTION])
    def test_it_cannot_be_promoted_in_another_mode(self, world: World, tried: Run, mode: Mode) -> None:
        head, there = world.lake.head("main"), in_mode(world, mode)
        for attempt in (
            lambda: promote(there.ports, there.judge, tried),
            lambda: decide(there.ports, there.judge, tried),
            lambda: latest_decided(there.ports, tried.run_id),
            lambda: replaced(there, tried.run_id),
            lambda: approve(there.ports, there.judge, tried.run_id, "it looks right"),
            lambda: override(there.ports, there.judge, tried.run_id, "all the same", "somebody"),
            lambda: own_attempt(there.ports, tried, even_if_over=True),
        ):
            with pytest.raises(PromotionOff):
                attempt()

        assert world.lake.head("main") == head

    def test_it_cannot_be_gone_on_with_in_another_mode(self, world: World) -> None:
        there = in_mode(world, Mode.DEV)
        with_inputs = inputs({"mae": 12.0}, world.raw())
        begun = open_run(there.ports, lambda _fork: with_inputs)
        other = open_run(world.ports, lambda _fork: begun.inputs)

        assert begun.run_id != other.run_id
        assert (begun.inputs.mode, other.inputs.mode) == ("dev", "")

    def test_a_forged_verdict_does_not_promote_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deciding, "judged_in_mode", lambda _run, verdict: verdict)
        there = in_mode(world, Mode.DEV)
        with pytest.raises(PromotionOff):
            there.run(mae=12.0)

    def test_the_audit_finds_one_that_was_merged_all_the_same(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deciding, "judged_in_mode", _unchanged)
        for name in ("check_promotes", "check_promotable", "check_same_mode"):
            monkeypatch.setattr(promoting, name, lambda *_: None)
        there = in_mode(world, Mode.DEV)
        assert there.run(mae=12.0).number == 2

        assert any("made in mode dev" in finding.what for finding in findings(world))


def _unchanged(_run: Run, verdict: Verdict) -> Verdict:
    return verdict


class TestFromDev:
    def test_nothing_else_is_promoted_either(self, world: World) -> None:
        trained = world.train(mae=12.0)
        decided = decide(world.ports, world.judge, trained).run
        head, there = world.lake.head("main"), in_mode(world, Mode.DEV)
        branches = world.lake.branches()
        attempts: list[Any] = [
            lambda: promote(there.ports, there.judge, decided),
            lambda: decide(there.ports, there.judge, trained),
            lambda: restored(there, 1),
            lambda: replaced(there, decided.run_id),
            lambda: approve(there.ports, there.judge, decided.run_id, "it looks right"),
            lambda: own_attempt(there.ports, decided),
        ]
        for attempt in attempts:
            with pytest.raises(PromotionOff):
                attempt()

        assert (world.lake.head("main"), world.lake.branches()) == (head, branches)
        assert promote(world.ports, world.judge, own_attempt(world.ports, decided)).number == 2


def test_inputs_of_other_modes_have_the_digest_that_they_always_had() -> None:
    found = inputs({"mae": 1.0})
    always = {
        "pipeline": "flights", "raw_digest": "r" * 8, "code_digest": "code", "lock_digest": "lock",
        "params": {"mae": 1.0}, "seed": 7,
    }  # fmt: skip

    for mode in (Mode.STANDARD, Mode.PRODUCTION):
        assert found.in_mode(mode).to_json() == always
        assert found.in_mode(mode).digest == digest_of(always)
    assert found.in_mode(Mode.DEV).digest != digest_of(always)
    assert found.in_mode(Mode.DEV).in_mode(Mode.STANDARD) == found
