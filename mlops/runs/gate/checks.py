"""The comparisons that the policy asks for, and checks that the evidence supports them.

No model is compared here. Evidence is refused before any statistics are computed if it is missing,
contradicts itself, is not finite, leaked into training, or has too few clusters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlops.runs.decisions import Finding, Guard, NotJudged, Policy, Reason
from mlops.runs.errors import bounded
from mlops.runs.evidence import ALL_ROWS, Contender, IntervalRule, Loss, Paired, Series, loss_of
from mlops.runs.gate.footprint import unmeasured
from mlops.runs.gate.leaks import counted, leaks

#: Two clusters are the least that have a spread.
LEAST_CLUSTERS = 2

#: Whole numbers up to here are exact as doubles.
MOST_ROWS = 2**53

_SCORED = (Contender.CANDIDATE, Contender.CHAMPION, Contender.BASELINE)


@dataclass(frozen=True)
class Comparison:
    """One comparison that the policy asks for.

    Attributes:
        metric: The metric.
        slice: The rows, ``all`` or ``<column>=<value>``.
        against: The other model, the champion or the baseline.
        bound: The lower bound of a gain, or the upper bound of a guard's increase.
        guard: Whether it guards against an increase, rather than asks for a gain.
    """

    metric: str
    slice: str
    against: Contender
    bound: float
    guard: bool = False

    @property
    def name(self) -> str:
        """Return the name of the comparison's interval, e.g. ``mae`` or ``mae origin=JFK``."""
        return str(self.metric) if self.slice == ALL_ROWS else f"{self.metric} {self.slice}"


def plan(paired: Paired, policy: Policy) -> list[Comparison]:
    """Return the comparisons, the deciding one first, guards in the order of the policy.

    For data without a model there are none.
    """
    comparisons: list[Comparison] = []
    if not policy.has_model:
        return comparisons
    if paired.has_champion:
        comparisons.append(Comparison(policy.metric, ALL_ROWS, Contender.CHAMPION, policy.min_gain))
    if policy.must_beat_baseline or not paired.has_champion:
        comparisons.append(Comparison(policy.metric, ALL_ROWS, Contender.BASELINE, 0.0))
    if paired.has_champion:
        for guard in policy.guards:
            for comparison, series in _guarded(paired, guard):
                if series is None or not _too_small(paired, policy, series):
                    comparisons.append(comparison)
    return comparisons


def not_judged(paired: Paired, policy: Policy) -> tuple[NotJudged, ...]:
    """Return the guarded slices that are too small to judge; all rows are always judged."""
    least = (policy.min_slice_rows, policy.min_slice_clusters)
    return tuple(
        NotJudged(comparison.name, sum(series.n), len(series.clusters), *least)
        for guard in (policy.guards if paired.has_champion else ())
        for comparison, series in _guarded(paired, guard)
        if series is not None and _too_small(paired, policy, series)
    )


def _guarded(paired: Paired, guard: Guard) -> Iterator[tuple[Comparison, Series | None]]:
    """Yield what a guard compares, with the series that it needs."""
    for slice_ in paired.slices(guard.by) if guard.by else [ALL_ROWS]:
        comparison = Comparison(guard.metric, slice_, Contender.CHAMPION, guard.tolerance, guard=True)
        yield comparison, paired.get(loss_of(guard.metric), slice_)


def _too_small(paired: Paired, policy: Policy, series: Series) -> bool:
    """Return whether a slice is below the minimum of the policy; evidence of before is judged as it was."""
    if series.slice == ALL_ROWS or paired.interval == IntervalRule.CR1:
        return False
    return sum(series.n) < policy.min_slice_rows or len(series.clusters) < policy.min_slice_clusters


def refusals(paired: Paired, policy: Policy, comparisons: Sequence[Comparison]) -> list[Finding]:
    """Return every reason against making ``comparisons`` on this evidence; none if they can be made."""
    found = [
        *((Reason.MISSING_EVIDENCE, s) for s in _contradictions(paired)),
        *((Reason.MISSING_EVIDENCE, s) for s in _of_a_model(paired, policy)),
        *((Reason.MISSING_EVIDENCE, s) for s in _gaps(paired, policy, comparisons)),
        *((Reason.MISSING_EVIDENCE, s) for s in unmeasured(paired, policy)),
        *((Reason.NOT_FINITE, s) for s in _not_finite(paired)),
        *leaks(paired),
        *((Reason.TOO_FEW_CLUSTERS, s) for s in _too_few(paired, policy, comparisons)),
    ]
    return [Finding(reason, sentence) for reason, sentence in dict.fromkeys(found)]


def _contradictions(paired: Paired) -> Iterator[str]:
    """Yield properties that no holdout can have."""
    if paired.rows <= 0:
        yield f"The holdout has {counted(paired.rows, 'row')}."
    seen: set[tuple[str, str]] = set()
    for series in paired.series:
        if (series.loss, series.slice) in seen:
            yield f"{_named(series)} is recorded twice."
        seen.add((series.loss, series.slice))
        yield from (f"{_named(series)} {flaw}." for flaw in _flaws(series, paired))


def _of_a_model(paired: Paired, policy: Policy) -> Iterator[str]:
    """Yield evidence of a model where the policy judges data alone."""
    if not policy.has_model and (paired.series or paired.has_champion):
        yield "The policy judges data without a model, and the evidence is of a model."


def _flaws(series: Series, paired: Paired) -> Iterator[str]:
    """Yield defects in the form of a series."""
    clusters = len(series.clusters)
    if len(series.n) != clusters:
        yield f"counts the rows of {len(series.n)} clusters, not of {clusters}"
    if len(set(series.clusters)) != clusters:
        yield "names a cluster twice"
    if any(n <= 0 for n in series.n):
        yield "has a cluster without rows"
    if sum(series.n) > MOST_ROWS:
        yield "has more rows than can be counted exactly"
    if series.champion and not paired.has_champion:
        yield "has sums of a champion, although none was scored"
    for contender in _SCORED:
        sums = series.of(contender)
        if len(sums) != clusters and (sums or contender is Contender.CANDIDATE):
            yield f"has {counted(len(sums), 'sum')} of the {contender} for {counted(clusters, 'cluster')}"
        if series.loss != Loss.SIGNED and any(s < 0 for s in sums):
            yield f"has negative sums of the {contender}"


def _gaps(paired: Paired, policy: Policy, comparisons: Iterable[Comparison]) -> Iterator[str]:
    """Yield data that the comparisons need and the evidence lacks."""
    for comparison in comparisons:
        loss, slice_ = loss_of(comparison.metric), comparison.slice
        series = paired.get(loss, slice_)
        if series is None:
            yield f"There is no {_words(loss)} of {_rows_of(slice_)}."
            continue
        if not series.of(comparison.against):
            yield f"{_named(series)} lacks the {comparison.against}."
        if slice_ == ALL_ROWS and sum(series.n) != paired.rows:
            yield f"{_named(series)} covers {sum(series.n):,} of {counted(paired.rows, 'row')}."
    if paired.has_champion and policy.has_model:
        for guard in policy.guards:
            if guard.by:
                yield from _uncovered(paired, loss_of(guard.metric), guard.by)


def _uncovered(paired: Paired, loss: str, column: str) -> Iterator[str]:
    """Yield guarded columns whose recorded values do not cover all rows."""
    slices = paired.slices(column)
    if not slices:
        yield f"There is no {_words(loss)} by {bounded(column, 80)}."
        return
    series = [paired.get(loss, slice_) for slice_ in slices]
    covered = sum(sum(s.n) for s in series if s)
    if covered != paired.rows:
        rows = counted(paired.rows, "row")
        yield f"The {_words(loss)} by {bounded(column, 80)} covers {covered:,} of {rows}."


def _not_finite(paired: Paired) -> Iterator[str]:
    for contender in _SCORED:
        places = [
            (series, cluster)
            for series in paired.series
            for cluster, value in zip(series.clusters, series.of(contender), strict=False)
            if not math.isfinite(value)
        ]
        if places:
            series, cluster = places[0]
            yield (
                f"Not finite: {counted(len(places), 'sum')} of the {contender}, the first the "
                f"{_words(series.loss)} of {_rows_of(series.slice)} in cluster {bounded(cluster, 80)}."
            )


def _too_few(paired: Paired, policy: Policy, comparisons: Iterable[Comparison]) -> Iterator[str]:
    for comparison in comparisons:
        series = paired.get(loss_of(comparison.metric), comparison.slice)
        whole = comparison.slice == ALL_ROWS
        least = max(LEAST_CLUSTERS, policy.min_clusters) if whole else LEAST_CLUSTERS
        if series is not None and len(series.clusters) < least:
            found = counted(len(series.clusters), "cluster")
            yield f"Cannot tell from {found} of {_rows_of(comparison.slice)}; at least {least} are needed."


def _named(series: Series) -> str:
    return f"The {_words(series.loss)} of {_rows_of(series.slice)}"


def _words(loss: str) -> str:
    return loss.replace("_", " ")


def _rows_of(slice_: str) -> str:
    return "all rows" if slice_ == ALL_ROWS else bounded(slice_, 80)
