"""The power of a comparison that was not significant: the gain that the holdout could have shown.

With the standard error ``s`` and ``v`` degrees of freedom, a true gain of ``(t_level + t_power) s`` is
shown in a share ``power`` of all holdouts like this one, where ``t_level`` is the quantile of the interval
and ``t_power`` the one-sided quantile of ``power``, both of Student's t. That is the usual approximation of
the noncentral t distribution by a shifted central one (Bloom, "Minimum Detectable Effects", *Evaluation
Review* 19(5), 1995). With more clusters of the same kind ``s`` falls with the square root of their number
and ``v`` rises in proportion to it.
"""

from __future__ import annotations

import math

from mlops.runs.decisions import Interval, Power
from mlops.runs.gate.intervals import critical_value

#: Share of holdouts that show a gain of the size that is named.
POWER = 0.8

#: Nobody waits for more clusters than that.
MOST_CLUSTERS = 1_000_000


def power_of(interval: Interval) -> Power:
    """Return what a holdout could have shown, and how many clusters more would show the gain that was seen.

    Args:
        interval: The interval of a gain, positive and not significant.
    """
    freedom = interval.freedom or interval.clusters - 1
    smallest = _multiple(freedom, interval.level) * interval.std_error
    return Power(
        name=interval.name,
        against=interval.against,
        power=POWER,
        smallest_gain=smallest,
        further_clusters=_clusters_for(interval, freedom) - interval.clusters,
    )


def _clusters_for(interval: Interval, freedom: float) -> int:
    """Return the least number of clusters that shows the gain, up to `MOST_CLUSTERS` more than there are."""
    low, high = interval.clusters, interval.clusters + MOST_CLUSTERS
    while high - low > 1:
        middle = (low + high) // 2
        growth = middle / interval.clusters
        std_error = interval.std_error / math.sqrt(growth)
        enough = _multiple(freedom * growth, interval.level) * std_error <= interval.difference
        low, high = (low, middle) if enough else (middle, high)
    return high


def _multiple(freedom: float, level: float) -> float:
    return critical_value(freedom, level) + critical_value(freedom, 2 * (1 - POWER))
