"""The rules that evidence is judged by: those of the enforcer on main, whatever the evidence claims."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mlops.runs import names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.errors import Unlawful
from mlops.runs.evidence import IntervalRule, Paired
from mlops.runs.gate.rules import Rules, rules_in_force
from mlops.runs.gate.verdict import decide
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_json
from mlops.runs.promotion import decision
from tests.support.auditing import findings, texts
from tests.support.losses import aggregate, rows_of
from tests.support.protocol import GATE_FILES, World, new_world

#: The shipped enforcer as one that does not know the rule of now.
FORMER = re.sub(rb'INTERVAL = "cr2"', b'FORMER = ""', GATE_FILES[names.ENFORCER])
OF_NOW, OF_BEFORE = Rules(), Rules(interval=IntervalRule.CR1)


def before() -> World:
    """A repository whose enforcer judges by the former rule."""
    return new_world("2013-01", "2013-02", gate={**GATE_FILES, names.ENFORCER: FORMER})


def rule_of(world: World, commit: str) -> str:
    evidence = Paired.from_json(read_json(world.lake, commit, names.PAIRED))
    verdict = Decision.from_json(read_json(world.lake, commit, names.DECISION)).verdict
    assert verdict.interval == evidence.interval
    return evidence.interval


def test_the_enforcer_on_main_says_by_which_rules_runs_are_decided() -> None:
    world = before()
    assert rules_in_force(world.lake, world.lake.head(names.MAIN)) == OF_BEFORE
    first = world.run(mae=14.0)
    assert rule_of(world, first.merge_commit) == ""
    apply_policy(world.ports, GATE_FILES, "intervals by CR2")
    assert rules_in_force(world.lake, world.lake.head(names.MAIN)) == OF_NOW
    second = world.run(mae=12.0)
    assert rule_of(world, second.merge_commit) == "cr2"
    assert all(interval.freedom for interval in second.decision.verdict.intervals)
    assert texts(findings(world)) == []


@pytest.mark.parametrize(("claimed", "asked"), [(OF_BEFORE, OF_NOW), (OF_NOW, OF_BEFORE)])
def test_a_candidate_that_claims_another_rule_is_refused_and_found(claimed: Rules, asked: Rules) -> None:
    world = new_world("2013-01", "2013-02") if asked == OF_NOW else before()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decision, "rules_in_force", lambda *_: claimed)
        with pytest.raises(Unlawful, match="another rule"):
            world.run(mae=14.0)
        world.lake.enforcer = None  # type: ignore[attr-defined]
        commit = world.run(mae=14.0).merge_commit
    found = [f.what for f in findings(world) if f.commit == commit]
    assert [what for what in found if what.startswith("its intervals are not by")]


def test_a_decision_by_the_former_rule_is_made_again_once_the_enforcer_asks_for_another() -> None:
    world = before()
    run = world.train(mae=14.0)
    decided = decision.decide(world.ports, world.judge, run)
    apply_policy(world.ports, GATE_FILES, "intervals by CR2")
    again = decision.decide(world.ports, world.judge, decided.run)
    assert (decided.decision.verdict.interval, again.decision.verdict.interval) == ("", "cr2")
    assert again.decision.verdict.look == 2


def test_old_evidence_is_judged_by_the_rule_of_its_time() -> None:
    rows = [row for i, row in enumerate(rows_of(days=25)) if i % 7 or row.value == "JFK"]
    found = aggregate(rows)
    old = decide(replace(found, interval=""), Policy(), look=1)
    new = decide(found, Policy(), look=1)
    assert [i.freedom for i in old.intervals] == [0.0, 0.0]
    assert all(i.critical > j.critical for i, j in zip(new.intervals, old.intervals, strict=True))
    assert (old.interval, new.interval) == ("", "cr2")


def test_an_enforcer_with_the_former_rule_that_comes_back_is_found() -> None:
    world = new_world("2013-01", "2013-02")
    commit, _ = apply_policy(world.ports, {names.ENFORCER: FORMER}, "the former rule was easier")
    assert ("I10", commit) in {
        (f.invariant, f.commit) for f in findings(world) if "earlier version" in f.what
    }
