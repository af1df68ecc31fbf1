# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportReturnType=false

"""Cross-validation inside the training rows.

Where rows have a time, each fold is judged by the rows that follow those that it is fitted on, as the holdout
follows the training rows (forward chaining: Hyndman & Athanasopoulos, *Forecasting*, 3rd ed., section 5.10).
Where they have none, rows are dealt to the folds by a stable hash of the columns by which the holdout is
dealt. Rows of one time, or of equal values in those columns, are never on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.holdout import overlap_key
from mlops.runs.errors import InputError, bounded
from mlops.runs.evidence import Contender, loss_of
from mlops.runs.gate.intervals import metric_of_mean
from mlops.steps.evaluation.score import predict
from mlops.steps.rolling.fold_models import fitted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule


@dataclass(frozen=True)
class FoldRows:
    """The rows of one fold.

    Attributes:
        fitted_on: Rows that a model is fitted on.
        units: What it is judged by, as the pipeline's task makes it.
    """

    fitted_on: pd.DataFrame
    units: pd.DataFrame


@dataclass(frozen=True)
class Measured:
    """The result of one combination of parameters.

    Attributes:
        metric: The metric over the units of all folds.
        by_fold: The metric of each fold.
    """

    metric: float
    by_fold: tuple[float, ...]


def folds_of(spec: PipelineSpec, rule: HoldoutRule, train: pd.DataFrame, count: int) -> list[FoldRows]:
    """Return the folds of a pipeline's training rows.

    Args:
        spec: The pipeline.
        rule: Its rule of the holdout.
        train: Training rows, as a run would write them.
        count: Number of folds.

    Raises:
        InputError: There are too few times, or values of the rule's columns, for so many folds.
    """
    columns = [spec.time] if rule.is_timed else list(overlap_key(spec, rule))
    sides = _following(train, spec.time, count) if rule.is_timed else _dealt(train, columns, count)
    found: list[FoldRows] = []
    for earlier, later in sides:
        rows, judges = train[earlier].reset_index(drop=True), train[later].reset_index(drop=True)
        if rows.empty or judges.empty:
            what = ", ".join(columns)
            raise InputError(
                f"{count} folds need more different values of {what} than the training rows have",
                where=spec.name,
                todo="ask for fewer folds, or ingest more data",
            )
        found.append(FoldRows(rows, spec.task.units(spec, judges, rows)))
    return found


def _following(train: pd.DataFrame, time: str, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what is before and in each of the last parts of the time, parts of about equal rows."""
    import numpy as np

    values = train[time].to_numpy()
    ordered = np.sort(values)
    # Boundaries are times, so that rows of one time stay together.
    places = [len(ordered) * part // (count + 1) for part in range(1, count + 1)]
    bounds = sorted(set(ordered[places].tolist()))
    marks = np.asarray(bounds, dtype=ordered.dtype)
    for place in range(count):
        if place >= len(marks):
            yield np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
            continue
        before = values < marks[place]
        until = values < marks[place + 1] if place + 1 < len(marks) else np.ones(len(values), dtype=bool)
        yield before, until & ~before


def _dealt(train: pd.DataFrame, columns: list[str], count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of all other parts, and those of each part."""
    import numpy as np

    texts = [train[column].astype(str) for column in columns]
    values = ["\0".join(row) for row in zip(*texts, strict=True)]
    parts = {text: int(hashlib.sha256(text.encode()).hexdigest(), 16) % count for text in set(values)}
    part = np.asarray([parts[text] for text in values])
    for place in range(count):
        yield part != place, part == place


def measure(
    spec: PipelineSpec, folds: list[FoldRows], params: Mapping[str, Any], metric: str, seed: int
) -> Measured:
    """Return what a combination of parameters gives on all folds.

    Raises:
        InputError: A model cannot be fitted or does not predict.
        ConfigError: A parameter is unknown or out of range.
    """
    typed, loss = spec.parameters(params), loss_of(metric)
    by_fold: list[float] = []
    sums, units = 0.0, 0
    for fold in folds:
        try:
            [model] = fitted(spec, typed, seed, [fold.fitted_on])
        # A model is whatever a pipeline says it is, and may fail in any way.
        except Exception as error:
            reason = bounded(f"{type(error).__name__}: {error}", 200)
            raise InputError(f"cannot be fitted: {reason}", where=spec.name) from error
        predicted = predict(spec, model, fold.units, Contender.CANDIDATE)
        costs = spec.task.costs(spec.task.targets(fold.units[spec.target]), predicted)[loss]
        by_fold.append(metric_of_mean(metric, float(costs.mean())))
        sums, units = sums + float(costs.sum()), units + len(costs)
    return Measured(metric_of_mean(metric, sums / units), tuple(by_fold))
