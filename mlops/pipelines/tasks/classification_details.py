# numpy and pandas ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""Details of a classifier that its losses do not show: confusion, calibration, AUC and F1 with intervals.

None of it decides. AUC and F1 are no means of a loss per row, so that the gate has no interval of a paired
difference for them; their intervals here are percentiles of a bootstrap that draws whole clusters (Cameron,
Gelbach and Miller 2008), always with the same draws for the same clusters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Draws of the bootstrap, and the share of them that lies outside the interval.
DRAWS, OUTSIDE = 400, 0.05
#: Bins of equal width for the probability of the predicted class.
BINS = 10
_SEED = 20_250_101
#: Weights of rows that are held at a time.
_MOST_WEIGHTS = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """A measure with the 95 % interval of the bootstrap; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """The rows whose predicted class was given a probability in one range.

    Attributes:
        above: Lower end of the range, from 0 to 1.
        rows: How many rows there are.
        predicted: Mean probability of the predicted class.
        right: Share of the rows whose class it is.
    """

    above: float
    rows: int
    predicted: float
    right: float


@dataclass(frozen=True)
class ClassifierDetails:
    """One contender's predictions on a holdout, described.

    Attributes:
        classes: The classes, in the order of rows and columns of ``confusion``.
        confusion: Number of rows by true class and predicted class.
        calibration: The bins that have rows, ascending.
        auc: Mean over the classes of the area under the curve of one class against the rest.
        f1: Mean over the classes of F1; a class that was never predicted counts 0.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[Bin, ...]
    auc: Estimate
    f1: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values; what is not defined is None."""
        from dataclasses import asdict

        estimates = {name: _plain(asdict(getattr(self, name))) for name in ("auc", "f1")}
        return {
            "classes": list(self.classes),
            "confusion": [list(row) for row in self.confusion],
            "calibration": [asdict(found) for found in self.calibration],
            **estimates,
        }


def describe(
    classes: Sequence[str], right: np.ndarray, probabilities: np.ndarray, clusters: Sequence[str]
) -> ClassifierDetails:
    """Describe a classifier's predictions.

    Args:
        classes: The classes.
        right: Position of every row's class, shape (rows,).
        probabilities: Probability of every class, shape (rows, classes), without missing ones.
        clusters: Name of every row's cluster.
    """
    import numpy as np

    size = len(classes)
    chosen = probabilities.argmax(axis=1)
    names, cluster = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    by_cluster = np.zeros((len(names), size, size))
    np.add.at(by_cluster, (cluster, right, chosen), 1.0)
    generator = np.random.default_rng(_SEED)
    # How often each cluster is in each draw; the first row of weights is the holdout itself.
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    weights = np.vstack([np.ones(len(names)), drawn])
    confusions = np.tensordot(weights, by_cluster, axes=1)
    return ClassifierDetails(
        tuple(classes),
        tuple(tuple(int(count) for count in row) for row in by_cluster.sum(axis=0)),
        _calibration(probabilities.max(axis=1), chosen == right),
        _estimate(_areas(right, probabilities, weights, cluster)),
        _estimate(_f1(confusions)),
    )


def _calibration(given: np.ndarray, hit: np.ndarray) -> tuple[Bin, ...]:
    import numpy as np

    place = np.minimum((given * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int(at) / BINS, int(inside.sum()), float(given[inside].mean()), float(hit[inside].mean()))
        for at in np.unique(place)
        for inside in (place == at,)
    )


def _f1(confusions: np.ndarray) -> np.ndarray:
    """Return the macro F1 of each confusion matrix, shape (draws, classes, classes), over classes it has."""
    import numpy as np

    hits = np.diagonal(confusions, axis1=1, axis2=2)
    named = confusions.sum(axis=1) + confusions.sum(axis=2)  # rows of the class, and rows called it
    each = np.divide(2 * hits, named, out=np.full_like(hits, np.nan), where=named > 0)
    return _mean_of_known(each)


def _areas(
    right: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, cluster: np.ndarray
) -> np.ndarray:
    """Return the macro area under the curve for each row of weights, shape (draws, clusters).

    The area is the chance that a row of the class is given more than another one, ties counting half
    (Mann and Whitney 1947).
    """
    import numpy as np

    found = np.full((len(weights), probabilities.shape[1]), np.nan)
    at_once = max(1, _MOST_WEIGHTS // len(right))
    for at in range(probabilities.shape[1]):
        order = np.argsort(probabilities[:, at], kind="stable")
        ties = np.flatnonzero(np.diff(probabilities[order, at], prepend=-1.0))
        ours = (right == at)[order]
        for start in range(0, len(weights), at_once):
            drawn = weights[start : start + at_once][:, cluster[order]]
            inside = np.add.reduceat(drawn * ours, ties, axis=1)
            outside = np.add.reduceat(drawn * ~ours, ties, axis=1)
            below = np.cumsum(outside, axis=1) - outside
            pairs = inside.sum(axis=1) * outside.sum(axis=1)
            won = (inside * (below + outside / 2)).sum(axis=1)
            np.divide(won, pairs, out=found[start : start + at_once, at], where=pairs > 0)
    return _mean_of_known(found)


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row without its NaN; NaN where it has nothing else."""
    import numpy as np

    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _estimate(values: np.ndarray) -> Estimate:
    """Return the first value, with the percentiles of the others."""
    import numpy as np

    draws = values[1:][~np.isnan(values[1:])]
    if np.isnan(values[0]) or not len(draws):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(draws, (OUTSIDE / 2, 1 - OUTSIDE / 2))
    return Estimate(float(values[0]), float(low), float(high))


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
