# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

"""Losses of the same units by candidate, champion and baseline: summed per cluster and slice, and as metrics.

Sums are exactly rounded, so they do not depend on the order of the units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mlops.runs.evidence import ALL_ROWS, Contender, Metric, Paired, Series, metric_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.tasks import Task

#: Columns of a table of predictions.
CLUSTER, TARGET = "cluster", "target"


def predicted_by(task: Task, predictions: pd.DataFrame, who: Contender) -> pd.DataFrame:
    """Return one contender's predictions out of a table of `Scored`, with the columns of the task."""
    columns = {prediction_column(who, column): column for column in task.columns}
    return predictions[list(columns)].rename(columns=columns)


def prediction_column(who: Contender, column: str) -> str:
    """Return the name of a predicted column in a table of `Scored`, e.g. ``candidate:rock``."""
    return f"{who}:{column}" if column else str(who)


def series(
    task: Task,
    predictions: pd.DataFrame,
    slices: Mapping[str, Sequence[str]],
    contenders: Sequence[Contender],
) -> tuple[Series, ...]:
    """Return the sums of every loss per cluster: on all rows, then on every value of every slice column.

    Args:
        task: What is predicted.
        predictions: As in `Scored`.
        slices: Slice column to its value in each row of ``predictions``.
        contenders: Who took part: candidate and baseline, and the champion if there is one.
    """
    import numpy as np

    costs = {c: task.costs(predictions[TARGET], predicted_by(task, predictions, c)) for c in contenders}
    clusters, codes = np.unique(predictions[CLUSTER].to_numpy(dtype=str), return_inverse=True)
    groups = {ALL_ROWS: np.arange(len(predictions))}
    for column, values in slices.items():
        labels = np.asarray(values, dtype=object)
        for value in sorted(set(values)):
            groups[f"{column}={value}"] = np.flatnonzero(labels == value)
    return tuple(
        _series(loss, name, places, {c: costs[c][loss] for c in contenders})
        for name, rows in groups.items()
        for places in [list(_grouped(clusters, codes, rows))]
        for loss in task.losses
    )


def metrics(paired: Paired) -> dict[str, float]:
    """Return the metrics of all rows, ascending by name; what is not finite is left out."""
    found = {"holdout_rows": float(paired.rows)}
    for sums in (each for each in paired.series if each.slice == ALL_ROWS):
        metric = metric_of(sums.loss)
        for contender in Contender:
            values = sums.of(contender)
            if values:
                mean = _sum(values) / paired.rows
                name = metric if contender is Contender.CANDIDATE else f"{contender}_{metric}"
                found[name] = math.sqrt(mean) if metric == Metric.RMSE else mean
    return {name: value for name, value in sorted(found.items()) if math.isfinite(value)}


def _series(
    loss: str,
    name: str,
    groups: Sequence[tuple[str, np.ndarray]],
    costs: Mapping[Contender, np.ndarray],
) -> Series:
    sums = {
        contender: tuple(_sum(losses[places].tolist()) for _, places in groups)
        for contender, losses in costs.items()
    }
    return Series(
        loss=loss,
        slice=name,
        clusters=tuple(cluster for cluster, _ in groups),
        n=tuple(len(places) for _, places in groups),
        candidate=sums[Contender.CANDIDATE],
        champion=sums.get(Contender.CHAMPION, ()),
        baseline=sums[Contender.BASELINE],
    )


def _grouped(clusters: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every cluster that has some of these rows, ascending, with them in their order."""
    import numpy as np

    order = rows[np.argsort(codes[rows], kind="stable")]
    present, counts = np.unique(codes[rows], return_counts=True)
    for code, places in zip(present, np.split(order, np.cumsum(counts)[:-1]), strict=True):
        yield str(clusters[code]), places


def _sum(values: Sequence[float]) -> float:
    """Return the sum, rounded once; what is not finite stays so."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return math.nan
