"""The difference of two models on the same rows, with a cluster-robust interval.

Rows of one cluster (a day, a user) are not independent, so clusters are what is counted. With the sums
``S_c`` of a loss over the ``n_c`` rows of cluster ``c``, ``C`` clusters and ``N`` rows, the mean loss
``m = sum(S_c) / N`` is a ratio estimator (Cochran, *Sampling Techniques*, 3rd ed., 1977, sections 2.11 and
9A.2). Each metric is a smooth function ``f(m)``; by the delta method a cluster moves it by about ::

    influence_c = f'(m) (S_c - m n_c) / N

and the cluster-robust variance of a difference of two metrics follows from the differences of the two
models' influences, ``u_c = left_c - right_c``, as ``C / (C - 1) * sum(u_c^2)``. For the mean absolute error
that is the regression of the row-wise difference on a constant with standard errors clustered (Cameron &
Miller, "A Practitioner's Guide to Cluster-Robust Inference", *Journal of Human Resources* 50(2), 2015,
equations 10-12, with the factor for few clusters of section II.B) and ``C - 1`` degrees of freedom
(section VI.D). The metrics are

========  =================  =================================
metric    ``f(m)``           ``f'(m)``
========  =================  =================================
``mae``   ``m``              1
``rmse``  ``sqrt(m)``        ``1 / (2 sqrt(m))``, 0 at ``m = 0``
``bias``  ``|m|``            -1 below zero, otherwise 1
========  =================  =================================

The arithmetic is meant to be repeated elsewhere to the last digit: IEEE doubles, clusters ascending by the
bytes of their names, every sum taken from left to right starting at zero, operations grouped as written
here. Only the critical value takes more than that, and whoever checks one need not find it: with
``theta = atan(t / sqrt(v))`` and ``v = C - 1`` degrees of freedom, a t variable lies outside ``-t..t`` with
the probability ``1 - A`` (Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4)::

    v = 1      A = 2 theta / pi
    v odd      A = 2 / pi (theta + sin(theta) (cos(theta) + 2/3 cos(theta)^3 + ...
                                                + 2 4 .. (v-3) / (3 5 .. (v-2)) cos(theta)^(v-2)))
    v even     A = sin(theta) (1 + 1/2 cos(theta)^2 + 1 3 / (2 4) cos(theta)^4 + ...
                                                + 1 3 .. (v-3) / (2 4 .. (v-2)) cos(theta)^(v-2))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlops.runs.evidence import Contender, Metric, Series


@dataclass(frozen=True)
class Difference:
    """``left - right`` of a metric, in its units; numbers too large to compute with leave NaN or infinity.

    Attributes:
        left: Metric of the left contender.
        right: Metric of the right one.
        value: Their difference.
        std_error: Its cluster-robust standard error.
        critical: The t quantile that the interval's half width is a multiple of.
        lower: Lower end, ``value - critical * std_error``.
        upper: Upper end, ``value + critical * std_error``.
        clusters: Clusters with rows.
        rows: Rows.
    """

    left: float
    right: float
    value: float
    std_error: float
    critical: float
    lower: float
    upper: float
    clusters: int
    rows: int

    @property
    def finite(self) -> bool:
        """Return whether every number is finite."""
        return all(map(math.isfinite, (self.left, self.right, self.std_error, self.lower, self.upper)))


def difference(series: Series, metric: str, left: Contender, right: Contender, level: float) -> Difference:
    """Return the difference of a metric between two contenders, with its interval.

    Args:
        series: Sums of the metric's loss, in any order; at least two clusters, every ``n`` positive, absolute
            and squared sums not negative.
        metric: The metric to compare.
        left: The contender whose metric it is subtracted from.
        right: The contender whose metric is subtracted.
        level: Two-sided error level of the interval.
    """
    order = sorted(range(len(series.clusters)), key=series.clusters.__getitem__)
    counts = [series.n[i] for i in order]
    left_value, left_moves = _linearised([series.of(left)[i] for i in order], counts, metric)
    right_value, right_moves = _linearised([series.of(right)[i] for i in order], counts, metric)
    std_error = _std_error([a - b for a, b in zip(left_moves, right_moves, strict=True)])
    critical = critical_value(len(order) - 1, level)
    value = left_value - right_value
    half_width = critical * std_error
    return Difference(
        left=left_value,
        right=right_value,
        value=value,
        std_error=std_error,
        critical=critical,
        lower=value - half_width,
        upper=value + half_width,
        clusters=len(order),
        rows=sum(counts),
    )


def metric_of_mean(metric: str, mean: float) -> float:
    """Return the value of a metric where its loss has this mean over all rows."""
    return _metric_and_slope(mean, metric)[0]


def critical_value(freedom: int, level: float) -> float:
    """Return the t quantile of a two-sided interval at ``level``."""
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs]

    # The lower tail keeps its digits where 1 - level / 2 would lose them.
    return -float(stdtrit(freedom, level / 2))


def _linearised(sums: Sequence[float], counts: Sequence[int], metric: str) -> tuple[float, list[float]]:
    """Return a metric and, for each cluster, its influence on it."""
    rows = _total(counts)
    mean = _total(sums) / rows
    value, slope = _metric_and_slope(mean, metric)
    return value, [slope * (s - mean * n) / rows for s, n in zip(sums, counts, strict=True)]


def _metric_and_slope(mean: float, metric: str) -> tuple[float, float]:
    if metric == Metric.RMSE:
        value = math.sqrt(mean)
        return value, 1 / (2 * value) if value > 0 else 0.0
    if metric == Metric.BIAS:
        return abs(mean), -1.0 if mean < 0 else 1.0
    return mean, 1.0


def _std_error(moves: Sequence[float]) -> float:
    # Squares of very large or small moves leave the range of a double; squares of their ratios do not.
    largest = max(map(abs, moves))
    if largest == 0:
        return 0.0
    spread = _total([(u / largest) * (u / largest) for u in moves])
    clusters = len(moves)
    return largest * math.sqrt(clusters / (clusters - 1) * spread)


def _total(values: Sequence[float]) -> float:
    # From Python 3.12 on `sum` compensates for rounding, which a reader in another language would not.
    total = 0.0
    for value in values:
        total += value
    return total
