"""Explain the gain of a decided run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.gate.intervals import metric_of_mean
from mlops.runs.gate.variance import total
from mlops.steps.explain.combinations import Sides, losses_of
from mlops.steps.explain.effects import Explanation, named, parts_of
from mlops.steps.report.evidence import read_evidence
from mlops.steps.run_inputs import code_digest

if TYPE_CHECKING:
    from mlops.runs.records import RunInputs
    from mlops.steps.report.evidence import Evidence
    from mlops.steps.workspace import Workspace

#: Error level of the intervals; nothing is decided by them.
LEVEL = 0.05


def explain(workspace: Workspace, evidence_commit: str) -> Explanation:
    """Return how much of a run's gain over the champion comes from data, model and both together.

    At most two models are fitted; nothing is written, and no evaluation is spent.

    Args:
        workspace: The pipeline's workspace.
        evidence_commit: The commit with the run's decision.

    Raises:
        InputError: There is nothing to compare with, or a combination of old and new cannot be fitted.
        NotFound: The commit holds no decision.
        Corrupt: What it holds cannot be read.
    """
    evidence = read_evidence(workspace, evidence_commit)
    old = _champions_inputs(evidence)
    sides = _sides(workspace, evidence, old)
    losses = losses_of(workspace, evidence, sides)
    metric, rows = evidence.policy.metric, sum(losses.rows)
    return Explanation(
        run_id=evidence.run.run_id,
        against=evidence.decision.compared_to.number,
        metric=metric,
        unit=evidence.spec.unit,
        level=LEVEL,
        metrics={named(c): metric_of_mean(metric, total(s) / rows) for c, s in losses.sums.items()},
        parts=parts_of(losses, metric, LEVEL),
        same=(*(["data"] if sides.same_data else []), *(["model"] if sides.same_model else [])),
        code_changed=not sides.same_code,
        other_code_here=evidence.run.inputs.code_digest != code_digest(evidence.spec),
    )


def _champions_inputs(evidence: Evidence) -> RunInputs:
    """Return the inputs of the champion's run; raise `InputError` where there is nothing to explain."""
    where = evidence.run.run_id
    if not evidence.spec.has_model or evidence.predictions is None:
        raise InputError("the pipeline has no model, so there is no gain to explain", where=where)
    if evidence.other is None or not evidence.paired.has_champion:
        raise InputError("the run was compared with no champion, so there is no gain to explain", where=where)
    if evidence.other.run is None:
        raise InputError(
            "the champion's record was erased", where=f"promotion {evidence.other.champion.number}"
        )
    return evidence.other.run.inputs


def _sides(workspace: Workspace, evidence: Evidence, old: RunInputs) -> Sides:
    new, other = evidence.run.inputs, evidence.other
    assert other is not None  # noqa: S101 - found by whoever calls
    lake, frames = workspace.lake, workspace.frames
    same_data = lake.sha256(other.commit, names.TRAIN) == lake.sha256(evidence.commit, names.TRAIN)
    rows = frames.read(evidence.commit, names.TRAIN)
    same_code = old.code_digest == new.code_digest
    return Sides(
        rows=(rows if same_data else frames.read(other.commit, names.TRAIN), rows),
        inputs=(old, new),
        same_data=same_data,
        same_model=same_code and (dict(old.params), old.seed) == (dict(new.params), new.seed),
        same_code=same_code,
    )
