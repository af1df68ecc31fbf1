"""Nobody gets past the gate by leaving the model out, nor by a policy that asks for none."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from mlops.runs import names
from mlops.runs.decisions import Outcome, Policy, Reason
from mlops.runs.digest import sha256
from mlops.runs.errors import Unlawful
from mlops.runs.evidence import Paired
from mlops.runs.gate.verdict import decide
from mlops.runs.main.policy import apply_policy
from tests.support.auditing import findings
from tests.support.forging import Candidate
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import GATE_FILES, World, new_world
from tests.support.record_tampering import unguarded

if TYPE_CHECKING:
    from mlops.runs.ports import Lake

NO_MODEL = b"metric: none\n"
SUITE = {"name": "processed", "expectations": [{"type": "a"}, {"type": "b"}]}


@pytest.fixture
def world(lake: Lake) -> World:
    """A champion with a model."""
    made = new_world("2013-01", lake=lake)
    made.run(mae=14.0)
    return made


def without_evidence(candidate: Candidate) -> None:
    """Replace the evidence by that of data alone, and the verdict by one that the suites hold."""
    candidate.paired.update(series=[], has_champion=False, champion_trained_until="", holdout_from="")
    look = candidate.verdict["look"] + 1
    verdict = decide(Paired.from_json(candidate.paired), Policy(metric="none"), look=look)
    assert verdict.promotes
    candidate.decision["verdict"] = dataclasses.asdict(verdict)
    candidate.decision["predictions_sha256"] = ""


def drop(candidate: Candidate, *prefixes: str) -> None:
    lake, branch = candidate.lake, candidate.branch
    lake.remove(branch, [stat.path for prefix in prefixes for stat in lake.list(branch, prefix)])


def said(world: World) -> list[str]:
    return [finding.what for finding in findings(world) if finding.proved]


def test_a_promotion_that_leaves_the_model_out_is_refused_and_found(world: World) -> None:
    candidate = Candidate(world)
    drop(candidate, names.MODEL, names.PREDICTIONS)
    without_evidence(candidate)
    candidate.record()
    with pytest.raises(Unlawful, match="brings none"):
        candidate.merge()
    if not isinstance(world.lake, MemoryLake):
        return
    with unguarded(world.lake):
        candidate.merge()
    found = said(world)
    assert "it brought no model, although the policy judges a model by its mae" in found
    assert "it replaced a model, promotion 1, by data alone" in found
    assert any(line.startswith("by its evidence it is refused") for line in found)


def test_a_policy_without_a_metric_is_refused_where_main_holds_a_model(world: World) -> None:
    with pytest.raises(Unlawful, match="main holds a model"):
        apply_policy(world.ports, {names.POLICY: NO_MODEL}, "no more questions")
    if not isinstance(world.lake, MemoryLake):
        return
    with unguarded(world.lake):
        apply_policy(world.ports, {names.POLICY: NO_MODEL}, "no more questions")
    assert "it set the metric none, although main held a model" in said(world)


def test_a_policy_on_the_branch_of_a_run_is_not_asked(world: World) -> None:
    candidate = Candidate(world)
    drop(candidate, names.MODEL, names.PREDICTIONS)
    without_evidence(candidate)
    candidate.lake.write(candidate.branch, names.POLICY, NO_MODEL)
    candidate.decision["policy_sha256"] = sha256(NO_MODEL)
    candidate.record()
    with pytest.raises(Unlawful, match=r"may not change gate/policy\.yaml"):
        candidate.merge()


def data_world(lake: Lake) -> World:
    """Return a repository of data without a model, before its first promotion."""
    suite = json.dumps(SUITE).encode()
    gate = {**GATE_FILES, names.POLICY: NO_MODEL, names.HOLDOUT_RULE: b"kind: none\n"}
    return new_world("2013-01", lake=lake, gate={**gate, names.PROCESSED_SUITE: suite})


def data_candidate(world: World, **changed: Any) -> Candidate:
    """Return a promotion of data that would pass, with a validation report that was changed."""
    candidate = Candidate(world)  # its decision is a refusal: it brings a model
    drop(candidate, names.MODEL, names.PREDICTIONS, names.PROCESSED)
    checks = [{"name": name, "severity": "error", "success": True} for name in "ab"]
    report = {"listed": 2, "run": 2, "rows": candidate.paired["rows"], "checks": checks, "success": True}
    lake, branch = candidate.lake, candidate.branch
    lake.write(branch, names.validation_path("processed"), json.dumps({**report, **changed}).encode())
    lake.write(branch, names.ROWS, b"rows")
    lake.write(branch, names.PROFILE, b"{}")
    without_evidence(candidate)
    return candidate


BROKEN = [{"name": "a", "severity": "error", "success": False}]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"rows": 1}, "other rows"),
        ({"run": 1}, "not every expectation"),
        ({"checks": []}, "not every expectation"),
        ({"checks": BROKEN * 2}, "does not hold"),
        ({"success": False}, "does not hold"),
    ],
)
def test_the_suite_in_force_must_hold(lake: Lake, changed: dict[str, Any], words: str) -> None:
    world = data_world(lake)
    candidate = data_candidate(world, **changed)
    candidate.record()
    if not words:
        candidate.merge()
        return
    with pytest.raises(Unlawful, match=words):
        candidate.merge()


@pytest.mark.parametrize("path", [names.ROWS, names.PROFILE, names.validation_path("processed")])
def test_rows_profile_and_validation_are_asked_for(lake: Lake, path: str) -> None:
    candidate = data_candidate(data_world(lake))
    candidate.lake.remove(candidate.branch, [path])
    candidate.record()
    with pytest.raises(Unlawful, match=path):
        candidate.merge()


def test_a_model_is_refused_where_the_policy_judges_data(lake: Lake) -> None:
    candidate = data_candidate(data_world(lake))
    candidate.lake.write(candidate.branch, "model/mae", b"12")
    candidate.record()
    with pytest.raises(Unlawful, match="brings one"):
        candidate.merge()


def test_evidence_of_a_model_is_refused_where_the_policy_judges_data() -> None:
    world = new_world("2013-01")
    evidence = Paired.from_json(Candidate(world).paired)
    verdict = decide(evidence, Policy(metric="none"), look=1)
    assert (verdict.outcome, verdict.findings[0].reason) == (Outcome.REFUSE, Reason.MISSING_EVIDENCE)
    alone = dataclasses.replace(evidence, series=(), has_champion=False)
    assert decide(alone, Policy(metric="none"), look=1).promotes
    assert not decide(alone, Policy(), look=1).promotes
