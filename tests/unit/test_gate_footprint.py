"""Bounds of a model's size and prediction time: in the policy, the verdict, the merge and the audit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.decisions import Bound, Decision, Policy, Reason
from mlops.runs.digest import document
from mlops.runs.errors import ConfigError, Unlawful
from mlops.runs.evidence import Footprint, Paired
from mlops.runs.gate.verdict import decide
from mlops.runs.main.state import read_json
from mlops.steps import run as running
from mlops.steps.evaluation import footprint as measuring
from tests.orchestration.tiny import SPEC, tiny_workspace
from tests.support.losses import evidence
from tests.support.verdicts import decision_on

MEASURED = replace(evidence(), footprint=Footprint(5_000_000, 40.0, "a machine"))


def test_a_model_within_its_bounds_is_promoted_and_they_are_on_record() -> None:
    policy = Policy(max_model_size_bytes=5_000_000, max_prediction_ms_per_1000_rows=40.0)
    verdict = decide(MEASURED, policy, look=1)
    assert verdict.promotes
    assert verdict.bounds == (
        Bound("model_size_bytes", 5_000_000, 5_000_000, holds=True),
        Bound("prediction_ms_per_1000_rows", 40.0, 40.0, holds=True),
    )
    assert Decision.from_json(json.loads(document(decision_on(verdict).to_json()))).verdict == verdict


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            Policy(max_model_size_bytes=4_999_999),
            "Size of the model 5,000,000 bytes; it must not be above 4,999,999.",
        ),
        (
            Policy(max_prediction_ms_per_1000_rows=39.5),
            "Prediction time 40 ms per 1,000 rows; it must not be above 39.5.",
        ),
    ],
)
def test_a_model_above_a_bound_is_refused_the_first_one_too(policy: Policy, words: str) -> None:
    for paired in (MEASURED, replace(evidence(champion=None), footprint=MEASURED.footprint)):
        verdict = decide(paired, policy, look=1)
        assert [(f.reason, f.sentence) for f in verdict.findings] == [(Reason.GUARD_FAILED, words)]


def test_what_is_bounded_must_have_been_measured() -> None:
    assert decide(evidence(), Policy(), look=1).promotes
    for policy in (Policy(max_model_size_bytes=1), Policy(max_prediction_ms_per_1000_rows=1.0)):
        verdict = decide(evidence(), policy, look=1)
        assert [f.reason for f in verdict.findings] == [Reason.MISSING_EVIDENCE]


@pytest.mark.parametrize(
    "impossible", [Footprint(-1, 1.0, ""), Footprint(1, -1.0, ""), Footprint(1, float("nan"), "")]
)
def test_impossible_measures_are_refused(impossible: Footprint) -> None:
    paired = replace(evidence(), footprint=impossible)
    again = Paired.from_json(json.loads(document(paired.to_json())))
    for found in (paired, again):
        assert decide(found, Policy(), look=1).findings[0].reason is Reason.MISSING_EVIDENCE


def test_the_policy_file_names_both_bounds() -> None:
    text = b"max_model_size_bytes: 1000000\nmax_prediction_ms_per_1000_rows: 2.5\n"
    assert parse_policy(text) == Policy(max_model_size_bytes=1_000_000, max_prediction_ms_per_1000_rows=2.5)
    for wrong in (b"max_model_size_bytes: 0\n", b"max_prediction_ms_per_1000_rows: -1\n"):
        with pytest.raises(ConfigError, match="greater than"):
            parse_policy(wrong)


# --- the whole pipeline


def test_a_run_measures_its_model_and_the_audit_adds_up_its_size(tmp_path: Any) -> None:
    from mlops.steps.audit.audit import audit_pipeline

    workspace = tiny_workspace("2020-01", "2020-02")
    ended = running.run_all(workspace, SPEC.parameters({}))
    found = Paired.from_json(read_json(workspace.lake, ended.merge_commit, names.PAIRED)).footprint
    assert found is not None
    size = sum(stat.size_bytes for stat in workspace.lake.list(ended.merge_commit, names.MODEL))
    assert found.model_size_bytes == size > 0
    assert found.prediction_ms_per_1000_rows > 0
    assert "processors, Python 3." in found.machine
    findings = [f for step in audit_pipeline(workspace, tmp_path) for f in step.findings if f.proved]
    assert findings == []


def _understated(*given: Any) -> Footprint:
    return replace(measuring.measured(*given), model_size_bytes=1)


def test_a_size_that_is_not_the_model_s_is_refused_and_found(tmp_path: Any) -> None:
    from mlops.steps.audit.audit import audit_pipeline
    from mlops.steps.evaluation import judge

    workspace = tiny_workspace("2020-01", "2020-02")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judge, "measured", _understated)
        with pytest.raises(Unlawful, match="as its evidence says"):
            running.run_all(workspace, SPEC.parameters({}))
        workspace.lake.enforcer = None  # type: ignore[attr-defined]
        commit = running.run_all(workspace, SPEC.parameters({})).merge_commit
    findings = [f for step in audit_pipeline(workspace, tmp_path) for f in step.findings if f.proved]
    assert [f.commit for f in findings if "not as many as its evidence says" in f.what] == [commit]
