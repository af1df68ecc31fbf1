"""Predictions on record: the same model, rows and code are not scored twice when a run is decided again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.runs import names
from mlops.runs.decisions import Decision
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import Contender, Footprint, Paired
from mlops.runs.main.state import parse_json
from mlops.runs.promotion.step_statements import check_own, step_statement, written_by
from mlops.steps.evaluation.paired_losses import predicted_by
from mlops.steps.evaluation.score import RecordedPredictions, unit_digest
from mlops.steps.run_inputs import code_digest, lock_digest

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Ports

#: Name of the digest over the units of the holdout, among what a step has read.
ROWS = "holdout rows"

_EVIDENCE = (names.DECISION, names.PAIRED, names.PREDICTIONS)


def recorded_predictions(
    ports: Ports,
    spec: PipelineSpec,
    evidence: str,
    run_id: str,
    units: pd.DataFrame,
    model: Mapping[str, str],
) -> RecordedPredictions | None:
    """Return what a run predicted by the evidence of a commit, or None where that cannot be relied on.

    The signed statement of the step that scored must name exactly this model, these rows and the code and
    libraries of today, and the bytes of predictions, paired losses and decision. A run whose champion could
    not be scored is scored anew, as something may have changed.

    Args:
        ports: Dependencies.
        spec: The pipeline.
        evidence: Commit of the step that decided.
        run_id: The run that was decided on.
        units: The units of the holdout in question.
        model: Path to SHA-256 of the objects of the model in question.
    """
    try:
        commit = ports.lake.commit_of(evidence)
        sealed = step_statement(commit, ports.trust)
        check_own(ports.lake.repository, commit, sealed)
        written = written_by(sealed)
        content = {path: ports.lake.read(evidence, path) for path in _EVIDENCE}
        decision = Decision.from_json(parse_json(content[names.DECISION], names.DECISION))
        paired = Paired.from_json(parse_json(content[names.PAIRED], names.PAIRED))
    except (NotFound, Corrupt, InputError):
        return None
    if decision.run_id != run_id or (decision.compared_to.number and not paired.has_champion):
        return None
    if any(written.objects.get(path) != sha256(data) for path, data in content.items()):
        return None
    inputs = sealed.statement.predicate.get("inputs", {})
    if (inputs.get("code_digest"), inputs.get("lock_digest")) != (code_digest(spec), lock_digest(spec)):
        return None
    scored = {name: digest for name, digest in written.read.items() if name.startswith(names.MODEL)}
    if not model or scored != dict(model) or written.read.get(ROWS) != unit_digest(spec, units):
        return None
    predictions = tables.read_parquet(content[names.PREDICTIONS], where=names.PREDICTIONS)
    return _of(spec, predictions, units, paired.footprint)


def _of(
    spec: PipelineSpec, predictions: pd.DataFrame, units: pd.DataFrame, footprint: Footprint | None
) -> RecordedPredictions | None:
    if footprint is None:
        return None  # an earlier version recorded it
    key = list(spec.task.unit_key(spec))
    if not predictions[key].equals(units[key].reset_index(drop=True)):
        return None  # the same units in another order
    return RecordedPredictions(predicted_by(spec.task, predictions, Contender.CANDIDATE), footprint)
