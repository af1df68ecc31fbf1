"""Predictions on record: a run that is decided on again is not scored again on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.pipelines.holdout import row_digest
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import Contender, Decision, Paired
from mlops.runs.history import parse_json, read_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Lake


@dataclass(frozen=True)
class RecordedModel:
    """Stands for a model that was scored on these very rows before.

    Attributes:
        feature_names_in_: What it is asked with: the key columns.
        predictions: Its predictions, one per row, in the order of the rows.
    """

    feature_names_in_: tuple[str, ...]
    predictions: np.ndarray

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the recorded predictions of all rows."""
        if len(rows) != len(self.predictions):
            raise InputError(f"{len(self.predictions)} predictions are on record for {len(rows)} rows")
        return self.predictions


def recorded_model(
    lake: Lake, spec: PipelineSpec, evidence: str, run_id: str, holdout: pd.DataFrame
) -> RecordedModel | None:
    """Return what a run predicted by the evidence of a commit, or None where that is not of these rows.

    The evidence must be whole: the decision there is the run's, and names the digests of paired losses and
    predictions. A run whose champion could not be scored is scored anew, as something may have changed.

    Args:
        lake: The repository.
        spec: The pipeline.
        evidence: Commit with ``reports/`` of a decision.
        run_id: The run that was decided on.
        holdout: The rows in question.
    """
    try:
        decision = Decision.from_json(read_json(lake, evidence, names.DECISION))
        paired_data = lake.read(evidence, names.PAIRED)
        data = lake.read(evidence, names.PREDICTIONS)
        paired = Paired.from_json(parse_json(paired_data, names.PAIRED))
    except (NotFound, Corrupt, InputError):
        return None
    if (decision.run_id, decision.paired_sha256, decision.predictions_sha256) != (
        run_id,
        sha256(paired_data),
        sha256(data),
    ):
        return None
    if decision.compared_to.number and not paired.has_champion:
        return None
    if paired.holdout_digest != row_digest(holdout, spec.key, [spec.target, *spec.model_input]):
        return None
    return _of(spec, tables.read_parquet(data, where=names.PREDICTIONS), holdout)


def _of(spec: PipelineSpec, predictions: pd.DataFrame, holdout: pd.DataFrame) -> RecordedModel | None:
    key = list(spec.key)
    if not predictions[key].equals(holdout[key].reset_index(drop=True)):
        return None  # the same rows in another order
    return RecordedModel(tuple(key), predictions[Contender.CANDIDATE].to_numpy(dtype="float64"))
