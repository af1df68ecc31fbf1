"""Values of the comparisons in a verdict: intervals, bounds, power, and slices that are not judged."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs.errors import bounded


@dataclass(frozen=True)
class Interval:
    """A difference and its cluster-robust t interval, in units of the metric.

    Attributes:
        name: What is compared, e.g. ``mae`` or ``mae origin=JFK``.
        against: ``champion`` or ``baseline``.
        candidate: The candidate's metric.
        other: The other's metric.
        difference: For the deciding metric the gain (other - candidate); for a guard the increase.
        lower: Lower end.
        upper: Upper end.
        clusters: Clusters it rests on.
        level: Two-sided error level of the interval.
        bound: What it is held against: the least gain, or the guard's tolerance.
        holds: Whether it is good enough.
        rows: Rows it rests on.
        std_error: Cluster-robust standard error of the difference.
        freedom: Degrees of freedom of the t quantile; 0 in decisions by the rule of before.
        critical: The t quantile: the ends are ``critical * std_error`` away from the difference.
    """

    name: str
    against: str
    candidate: float
    other: float
    difference: float
    lower: float
    upper: float
    clusters: int
    level: float
    bound: float
    holds: bool
    rows: int = 0
    std_error: float = 0.0
    critical: float = 0.0
    freedom: float = 0.0


@dataclass(frozen=True)
class Bound:
    """A measure of a model that the policy bounds, whatever the champion's is.

    Attributes:
        name: ``model_size_bytes`` or ``prediction_ms_per_1000_rows``.
        value: What was measured.
        maximum: The largest value that is accepted.
        holds: Whether the value is not above it.
    """

    name: str
    value: float
    maximum: float
    holds: bool

    @property
    def sentence(self) -> str:
        """Say what was measured, and what is accepted."""
        value, maximum = (f"{x:,}" if isinstance(x, int) else f"{x:,.4g}" for x in (self.value, self.maximum))
        return f"{self.name}: {value}, at most {maximum}{'' if self.holds else ': NO'}."


@dataclass(frozen=True)
class Power:
    """The gain that a holdout could have shown, and the clusters that would show the one that was seen.

    Attributes:
        name: What is compared, e.g. ``mae``.
        against: ``champion`` or ``baseline``.
        power: Share of such holdouts that show the smallest gain, or the one seen with further clusters.
        smallest_gain: The smallest true gain that is shown with this power.
        further_clusters: Clusters that are needed beyond those there are to show the gain that was seen with
            this power; more than a million are not counted.
    """

    name: str
    against: str
    power: float
    smallest_gain: float
    further_clusters: int


@dataclass(frozen=True)
class NotJudged:
    """A guard's slice that is too small to judge, so that it can neither hold nor fail.

    Attributes:
        name: What would be compared, e.g. ``mae origin=JFK``.
        rows: Its rows.
        clusters: Its clusters.
        min_rows: Rows that the policy asks for.
        min_clusters: Clusters that the policy asks for.
    """

    name: str
    rows: int
    clusters: int
    min_rows: int
    min_clusters: int

    @property
    def sentence(self) -> str:
        """Say what was not judged, and why."""
        least = f"{self.min_rows:,} rows" if self.rows < self.min_rows else f"{self.min_clusters:,} clusters"
        counts = f"{_counted(self.rows, 'row')} of {_counted(self.clusters, 'cluster')}"
        return f"{bounded(self.name, 120)}: {counts}, below the minimum of {least}, not judged."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
