"""The footprint of a model: the size of its objects, and the time that it takes to predict."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops.runs.evidence import Contender, Footprint
from mlops.steps.evaluation.score import RecordedPredictions, predict

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import ObjectRecord

#: Rows that are predicted at a time, at most; the time is scaled to a thousand.
_ROWS = 1000
_REPEATS = 3
#: A slow model is not measured so often, but once at least.
_ENOUGH_S = 1.0


def measured(
    spec: PipelineSpec, model: Any, units: pd.DataFrame, objects: Sequence[ObjectRecord]
) -> Footprint:
    """Return the footprint of a candidate's model; it has predicted before, so everything is loaded.

    Predictions on record carry the footprint that was measured when they were made.

    Args:
        spec: The pipeline.
        model: The model, or what it predicted before.
        units: Units of the holdout.
        objects: The objects of the model.
    """
    if isinstance(model, RecordedPredictions):
        return model.footprint
    rows = units.iloc[:_ROWS]
    taken_ms: list[float] = []
    while len(taken_ms) < _REPEATS and sum(taken_ms) < 1000 * _ENOUGH_S:
        started = time.perf_counter()
        predict(spec, model, rows, Contender.CANDIDATE)
        taken_ms.append(1000 * (time.perf_counter() - started))
    return Footprint(
        model_size_bytes=sum(record.size_bytes for record in objects),
        prediction_ms_per_1000_rows=statistics.median(taken_ms) * 1000 / len(rows),
        machine=_machine(),
    )


def _machine() -> str:
    hardware = f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} processors"
    return f"{hardware}, Python {platform.python_version()}"
