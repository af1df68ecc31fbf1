"""The difference of two models on the same rows, with a cluster-robust interval.

Rows of one cluster (a day, a user) are not independent, so clusters are what is counted. With the sums
``S_c`` of a loss over the ``n_c`` rows of cluster ``c``, ``C`` clusters and ``N`` rows, the mean loss
``m = sum(S_c) / N`` is a ratio estimator (Cochran, *Sampling Techniques*, 3rd ed., 1977, sections 2.11 and
9A.2). Each metric is a smooth function ``f(m)``; by the delta method a cluster moves it by about ::

    influence_c = f'(m) (S_c - m n_c) / N

and the cluster-robust variance of a difference of two metrics follows from the differences of the two
models' influences, ``u_c = left_c - right_c`` (`mlops.runs.gate.variance`). For the mean absolute error that
is the regression of the row-wise difference on a constant with standard errors clustered. The metrics are

========  =================  =================================
metric    ``f(m)``           ``f'(m)``
========  =================  =================================
``mae``   ``m``              1
``rmse``  ``sqrt(m)``        ``1 / (2 sqrt(m))``, 0 at ``m = 0``
``bias``  ``|m|``            -1 below zero, otherwise 1
========  =================  =================================

The arithmetic is meant to be repeated elsewhere to the last digit: IEEE doubles, clusters ascending by the
bytes of their names, every sum taken from left to right starting at zero, operations grouped as written
here. Only the critical value takes more than that, and whoever checks one need not find it: a t
variable with ``v`` degrees of freedom, whole or not, lies outside ``-t..t`` with the probability
``I_x(v / 2, 1 / 2)`` at ``x = v / (v + t^2)``, the regularised incomplete beta function (Abramowitz & Stegun,
*Handbook of Mathematical Functions*, 26.7.1 and 26.5.27), which a continued fraction gives (26.5.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlops.runs.evidence import Contender, IntervalRule, Metric, Series
from mlops.runs.gate.variance import cr1, cr2, total


@dataclass(frozen=True)
class Difference:
    """``left - right`` of a metric, in its units; numbers too large to compute with leave NaN or infinity.

    Attributes:
        left: Metric of the left contender.
        right: Metric of the right one.
        value: Their difference.
        std_error: Its cluster-robust standard error.
        freedom: Degrees of freedom.
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
    freedom: float
    critical: float
    lower: float
    upper: float
    clusters: int
    rows: int

    @property
    def finite(self) -> bool:
        """Return whether every number is finite."""
        return all(map(math.isfinite, (self.left, self.right, self.std_error, self.lower, self.upper)))


def difference(
    series: Series,
    metric: str,
    left: Contender,
    right: Contender,
    level: float,
    rule: str = IntervalRule.CR2,
) -> Difference:
    """Return the difference of a metric between two contenders, with its interval.

    Args:
        series: Sums of the metric's loss, in any order; at least two clusters, every ``n`` positive, absolute
            and squared sums not negative.
        metric: The metric to compare.
        left: The contender whose metric it is subtracted from.
        right: The contender whose metric is subtracted.
        level: Two-sided error level of the interval.
        rule: The `IntervalRule`.
    """
    order = sorted(range(len(series.clusters)), key=series.clusters.__getitem__)
    counts = [series.n[i] for i in order]
    left_value, left_moves = _linearised([series.of(left)[i] for i in order], counts, metric)
    right_value, right_moves = _linearised([series.of(right)[i] for i in order], counts, metric)
    moves = [a - b for a, b in zip(left_moves, right_moves, strict=True)]
    std_error, freedom = cr2(moves, counts) if rule == IntervalRule.CR2 else cr1(moves)
    critical = critical_value(freedom, level)
    value = left_value - right_value
    half_width = critical * std_error
    return Difference(
        left=left_value,
        right=right_value,
        value=value,
        std_error=std_error,
        freedom=freedom,
        critical=critical,
        lower=value - half_width,
        upper=value + half_width,
        clusters=len(order),
        rows=sum(counts),
    )


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of metrics on the same rows, with its interval.

    Attributes:
        value: The weighted sum.
        lower: Lower end of the interval.
        upper: Upper end.
    """

    value: float
    lower: float
    upper: float


def contrast(
    sums: Sequence[Sequence[float]],
    weights: Sequence[float],
    counts: Sequence[int],
    metric: str,
    level: float,
) -> Contrast:
    """Return a weighted sum of metrics, e.g. the interaction of two changes; of two it is a `difference`.

    Args:
        sums: For each metric the sums of its loss per cluster, ascending by name of the cluster.
        weights: Weight of each metric.
        counts: Rows of each cluster; at least two clusters, every count positive.
        metric: The metric, the same of all.
        level: Two-sided error level of the interval.
    """
    found = [_linearised(each, counts, metric) for each in sums]
    value = total([weight * metric_value for weight, (metric_value, _) in zip(weights, found, strict=True)])
    moves = [
        total([weight * moved[cluster] for weight, (_, moved) in zip(weights, found, strict=True)])
        for cluster in range(len(counts))
    ]
    std_error, freedom = cr2(moves, counts)
    half_width = critical_value(freedom, level) * std_error
    return Contrast(value, value - half_width, value + half_width)


def metric_of_mean(metric: str, mean: float) -> float:
    """Return the value of a metric where its loss has this mean over all rows."""
    return _metric_and_slope(mean, metric)[0]


def critical_value(freedom: float, level: float) -> float:
    """Return the t quantile of a two-sided interval at ``level``."""
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs]

    # The lower tail keeps its digits where 1 - level / 2 would lose them.
    return -float(stdtrit(freedom, level / 2))


def _linearised(sums: Sequence[float], counts: Sequence[int], metric: str) -> tuple[float, list[float]]:
    """Return a metric and, for each cluster, its influence on it."""
    rows = total(counts)
    mean = total(sums) / rows
    value, slope = _metric_and_slope(mean, metric)
    return value, [slope * (s - mean * n) / rows for s, n in zip(sums, counts, strict=True)]


def _metric_and_slope(mean: float, metric: str) -> tuple[float, float]:
    if metric == Metric.RMSE:
        value = math.sqrt(mean)
        return value, 1 / (2 * value) if value > 0 else 0.0
    if metric == Metric.BIAS:
        return abs(mean), -1.0 if mean < 0 else 1.0
    return mean, 1.0
