"""Values of a decision about a candidate: policy, verdict with its intervals and reasons, decision.

``gate/policy.yaml`` is a `Policy` and ``reports/decision.json`` a `Decision`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlops.runs import names
from mlops.runs.comparisons import Bound, Interval, NotJudged, Power
from mlops.runs.errors import Corrupt
from mlops.runs.evidence import NO_METRIC, IntervalRule, Metric
from mlops.runs.json_values import nulled, number, text
from mlops.runs.records import ComparedTo


@dataclass(frozen=True)
class Guard:
    """Something that must not get worse by more than a tolerance, in units of the metric.

    Attributes:
        metric: Name of the guarded metric; of the bias, its absolute value is guarded.
        tolerance: Largest increase over the champion that is accepted, > 0.
        by: Column whose every value is guarded by itself; empty for all rows.
    """

    metric: str
    tolerance: float
    by: str = ""


@dataclass(frozen=True)
class Policy:
    """``gate/policy.yaml``: when a candidate is promoted.

    Attributes:
        metric: Name of the metric that decides; ``none`` for data without a model, where the suites decide.
        min_gain: The point gain over the champion must exceed this, in units of the metric, >= 0.
        alpha: Error level shared by all evaluations on one holdout, in (0, 0.5].
        min_clusters: With fewer clusters the gate cannot tell, >= 2.
        min_slice_rows: A guard's slice with fewer rows is not judged, >= 1.
        min_slice_clusters: A guard's slice with fewer clusters is not judged, >= 2.
        must_beat_baseline: Whether every model, not only the first, must beat the baseline.
        max_model_size_bytes: Largest size of a model; None where none is asked for.
        max_prediction_ms_per_1000_rows: Longest time of a prediction; None where none is asked for.
        guards: What must not get worse.
        signatures: ``required`` where every change of `main` must bear a signed statement, from the first
            one on; else ``optional``: from the first one that bears one.
        promotion: ``review`` where a candidate that passed waits for a person's approval; else ``auto``.
        override_by: Who may promote a candidate that was refused for its numbers; empty for nobody.
    """

    metric: str = Metric.MAE
    min_gain: float = 0.0
    alpha: float = 0.05
    min_clusters: int = 20
    min_slice_rows: int = 30
    min_slice_clusters: int = 5
    must_beat_baseline: bool = True
    max_model_size_bytes: int | None = None
    max_prediction_ms_per_1000_rows: float | None = None
    guards: tuple[Guard, ...] = ()
    signatures: str = "optional"
    promotion: str = "auto"
    override_by: tuple[str, ...] = ()

    @property
    def has_model(self) -> bool:
        """Return whether it judges a model; else the suites decide on data alone."""
        return self.metric != NO_METRIC

    @property
    def asks_for_review(self) -> bool:
        """Return whether a candidate that passed waits for approval."""
        return self.promotion == "review"


class Outcome(StrEnum):
    """Promotion or refusal: the consequence of a verdict."""

    PROMOTE = "promote"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Reasons of a verdict; the meaning of a code never changes."""

    BEATS_CHAMPION = "beats_champion"
    BEATS_BASELINE = "beats_baseline"
    SUITES_HOLD = "suites_hold"
    NO_GAIN = "no_gain"
    GAIN_TOO_SMALL = "gain_too_small"
    NOT_SIGNIFICANT = "not_significant"
    WORSE_THAN_BASELINE = "worse_than_baseline"
    GUARD_FAILED = "guard_failed"
    TOO_FEW_CLUSTERS = "too_few_clusters"
    NOT_FINITE = "not_finite"
    MISSING_EVIDENCE = "missing_evidence"
    HOLDOUT_LEAKED = "holdout_leaked"
    NOT_ENOUGH_DATA = "not_enough_data"
    CHAMPION_UNSCORABLE = "champion_unscorable"
    REPEATS_ROLLED_BACK = "repeats_rolled_back"
    REVOKED = "revoked"
    FORK_DROPPED = "fork_dropped"
    GATE_CHANGED = "gate_changed"
    DEV_RUN = "dev_run"


#: Reasons for which a candidate is promoted.
PROMOTING = frozenset({Reason.BEATS_CHAMPION, Reason.BEATS_BASELINE, Reason.SUITES_HOLD})


@dataclass(frozen=True)
class Finding:
    """One reason, with a sentence a person can read."""

    reason: Reason
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """The gate's answer about one candidate.

    Attributes:
        outcome: Promote or refuse.
        findings: At least one; for a refusal every reason that was found, the deciding ones first.
        intervals: What was compared, the deciding metric first.
        look: Number of this evaluation of the holdout, from 1.
        level: Error level of this evaluation, alpha / (look (look + 1)).
        what_if: Whether another policy than the one on `main` was asked; such a verdict cannot be promoted.
        interval: The rule of the intervals.
        not_judged: Guarded slices that are too small to judge, in the order of the policy.
        bounds: The measures of the model that the policy bounds.
        power: For each gain that was not significant, what it would take to show it.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    intervals: tuple[Interval, ...] = ()
    look: int = 1
    level: float = 0.0
    what_if: bool = False
    interval: str = IntervalRule.CR1
    not_judged: tuple[NotJudged, ...] = ()
    power: tuple[Power, ...] = ()
    bounds: tuple[Bound, ...] = ()

    @property
    def promotes(self) -> bool:
        """Return whether the candidate may be promoted on the strength of this verdict."""
        return self.outcome is Outcome.PROMOTE and not self.what_if

    @property
    def would_promote(self) -> bool:
        """Return whether a run of mode dev is refused for its mode alone."""
        first, *others = [finding.reason for finding in self.findings]
        return first is Reason.DEV_RUN and bool(others) and PROMOTING.issuperset(others)

    @property
    def sentence(self) -> str:
        """All findings in one line."""
        return " ".join(f.sentence for f in self.findings)


@dataclass(frozen=True)
class Decision:
    """``reports/decision.json``: a verdict, on what evidence, against whom, by which policy.

    Attributes:
        run_id: The candidate's run.
        inputs_digest: Digest of the candidate's inputs.
        compared_to: The champion it was compared to.
        paired_sha256: SHA-256 of ``reports/paired.json``.
        predictions_sha256: SHA-256 of ``reports/predictions.parquet``; empty where there is no model.
        policy_sha256: SHA-256 of ``gate/policy.yaml`` at ``compared_to.commit``.
        candidate_commit: Commit whose model and training rows were judged.
        trained_until: Largest time in the candidate's training rows, ISO 8601.
        verdict: The verdict.
        decided_at_s: When, Unix seconds.
        metrics: Metric name to value; in JSON null where it is not finite, read back as NaN.
        replace_unscorable: Why somebody let a champion that cannot be scored be replaced by whoever beats the
            baseline; empty where nobody did.
        continues: Record tag of the evaluation before this one, where that was counted under another id.
    """

    run_id: str
    inputs_digest: str
    compared_to: ComparedTo
    paired_sha256: str
    predictions_sha256: str
    policy_sha256: str
    candidate_commit: str
    trained_until: str
    verdict: Verdict
    decided_at_s: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    replace_unscorable: str = ""
    continues: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return nulled(dataclasses.asdict(self))

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Decision:
        """Return the decision that ``value`` describes.

        Raises:
            Corrupt: A field is missing or of the wrong form.
        """
        try:
            fields = dict(value)
            verdict = dict(value["verdict"])
            verdict["outcome"] = Outcome(verdict["outcome"])
            verdict["findings"] = tuple(
                Finding(Reason(f["reason"]), f["sentence"]) for f in verdict["findings"]
            )
            verdict["intervals"] = tuple(Interval(**i) for i in verdict["intervals"])
            verdict["not_judged"] = tuple(NotJudged(**n) for n in verdict.get("not_judged", ()))
            verdict["bounds"] = tuple(Bound(**b) for b in verdict.get("bounds", ()))
            verdict["power"] = tuple(Power(**p) for p in verdict.get("power", ()))
            fields["verdict"] = Verdict(**verdict)
            fields["compared_to"] = ComparedTo(**value["compared_to"])
            fields["metrics"] = {text(k): number(v) for k, v in value.get("metrics", {}).items()}
            return Decision(**fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"not a decision: {error}", where=names.DECISION) from error
