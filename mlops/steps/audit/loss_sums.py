# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""Paired losses derived again for an audit: all sums of a holdout at once, and exactly where they differ.

Scoring rounds each sum once, which takes time. Here sums are added up in one go, as many promotions are held
against the same holdout; two ways of adding agree to far less than the audit's tolerance, but for sums that
nearly cancel. Whatever does not agree is therefore derived again by the exact way before it is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.runs.audit.verdicts import TOLERANCE, agree
from mlops.runs.evidence import ALL_ROWS, Contender, Paired, Series
from mlops.steps.evaluation.paired_losses import TARGET, predicted_by, series

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.tasks import Task


@dataclass(frozen=True)
class Groups:
    """The clusters of a holdout, on all rows and on each value of each slice column.

    Attributes:
        names: Name of each slice, and the clusters it has rows of.
        counts: Rows of each cluster of each slice, slice after slice.
        places: For all rows and for each slice column, in which of these each row is counted.
    """

    names: tuple[tuple[str, tuple[str, ...]], ...]
    counts: np.ndarray
    places: tuple[np.ndarray, ...]


def groups_of(clusters: Sequence[str], slices: Mapping[str, Sequence[str]]) -> Groups:
    """Return the clusters of a holdout's rows.

    Args:
        clusters: Cluster of each row.
        slices: Slice column to its value in each row.
    """
    import numpy as np

    known, codes = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    columns = [(("",), np.zeros(len(codes), dtype=np.int64))]
    for values in slices.values():
        labels, of_row = np.unique(np.asarray(values, dtype=object), return_inverse=True)
        columns.append((tuple(labels.tolist()), of_row))
    names: list[tuple[str, tuple[str, ...]]] = []
    counts: list[np.ndarray] = []
    places: list[np.ndarray] = []
    begins = 0
    for column, (labels, of_row) in zip(("", *slices), columns, strict=True):
        cell = of_row * len(known) + codes
        table = np.bincount(cell, minlength=len(labels) * len(known))
        filled = np.flatnonzero(table)
        position = np.full(len(table), -1)
        position[filled] = np.arange(len(filled)) + begins
        begins += len(filled)
        places.append(position[cell])
        counts.append(table[filled])
        for number, label in enumerate(labels):
            present = filled[filled // len(known) == number] % len(known)
            name = f"{column}={label}" if column else ALL_ROWS
            names.append((name, tuple(known[present].tolist())))
    return Groups(tuple(names), np.concatenate(counts), tuple(places))


def unproved_sums(
    task: Task,
    predictions: pd.DataFrame,
    groups: Groups,
    slices: Mapping[str, Sequence[str]],
    recorded: Paired,
) -> Iterator[str]:
    """Yield recorded sums that do not follow from the predictions.

    Args:
        task: What is predicted.
        predictions: One row per holdout row, in its order: ``target`` and the columns of each contender.
        groups: The clusters of the holdout.
        slices: Slice column to its value in each row.
        recorded: The evidence.
    """
    contenders = [c for c in Contender if recorded.has_champion or c is not Contender.CHAMPION]
    if not _follow(task, predictions, groups, contenders, recorded):
        yield from differences(series(task, predictions, slices, contenders), recorded)


def _follow(
    task: Task, predictions: pd.DataFrame, groups: Groups, contenders: Sequence[Contender], recorded: Paired
) -> bool:
    """Return whether all recorded sums agree with the fast sums, within their rounding."""
    import numpy as np

    losses = task.losses
    shape = [(loss, name, clusters) for name, clusters in groups.names for loss in losses]
    if [(s.loss, s.slice, s.clusters) for s in recorded.series] != shape:
        return False
    if any(bool(s.of(c)) != (c in contenders) for s in recorded.series for c in Contender):
        return False
    if any({len(s.n), *(len(s.of(c)) for c in contenders)} != {len(s.clusters)} for s in recorded.series):
        return False
    costs = {c: task.costs(predictions[TARGET], predicted_by(task, predictions, c)) for c in contenders}
    for offset, loss in enumerate(losses):
        stated = recorded.series[offset :: len(losses)]
        if not np.array_equal(np.concatenate([s.n for s in stated]), groups.counts):
            return False
        for contender in contenders:
            mine = _sums(costs[contender][loss], groups)
            theirs = np.concatenate([s.of(contender) for s in stated])
            if not np.allclose(mine, theirs, rtol=TOLERANCE / 2, atol=0.0):
                return False
    return True


def _sums(losses: np.ndarray, groups: Groups) -> np.ndarray:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        found = np.zeros(len(groups.counts))
        for place in groups.places:
            found += np.bincount(place, weights=losses, minlength=len(found))
    return found


def differences(derived: Sequence[Series], recorded: Paired) -> Iterator[str]:
    """Yield differences between recomputed and recorded series."""
    if [(s.loss, s.slice) for s in derived] != [(s.loss, s.slice) for s in recorded.series]:
        yield "the evidence is of other losses or slices"
        return
    for mine, theirs in zip(derived, recorded.series, strict=True):
        name = f"the {mine.loss.replace('_', ' ')} of {mine.slice}"
        if (mine.clusters, mine.n) != (theirs.clusters, theirs.n):
            yield f"{name} is of other clusters or rows"
            continue
        for contender in Contender:
            one, other = mine.of(contender), theirs.of(contender)
            if len(one) != len(other) or not all(map(agree, one, other)):
                yield f"{name} of the {contender} does not follow from the predictions"
