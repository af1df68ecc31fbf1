"""Paired losses made to order: what a candidate, a champion and a baseline did on the days of a holdout."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlops.runs.evidence import ALL_ROWS, Contender, IntervalRule, Loss, Paired, Series


@dataclass(frozen=True)
class Row:
    """One row of a holdout: where it belongs, and the error of each contender on it."""

    cluster: str
    value: str
    errors: Mapping[Contender, float]


_LOSSES: Mapping[Loss, Callable[[float], float]] = {
    Loss.ABSOLUTE: abs,
    Loss.SQUARED: lambda error: error * error,
    Loss.SIGNED: lambda error: error,
}


def aggregate(rows: Sequence[Row], column: str = "origin") -> Paired:
    """Return the evidence of rows: every loss on all rows and on each value of ``column``."""
    champion = Contender.CHAMPION in rows[0].errors
    slices = [ALL_ROWS, *sorted({f"{column}={row.value}" for row in rows})]
    return Paired(
        holdout_digest="a" * 64,
        rows=len(rows),
        has_champion=champion,
        train_overlap=0,
        candidate_trained_until="2013-11-30T23:00:00+00:00",
        champion_trained_until="2013-10-31T23:00:00+00:00" if champion else "",
        holdout_from="2013-12-01T00:00:00+00:00",
        series=tuple(
            _series(loss, name, [row for row in rows if name in (ALL_ROWS, f"{column}={row.value}")])
            for loss in Loss
            for name in slices
        ),
        interval=IntervalRule.CR2,
    )


def _series(loss: Loss, name: str, rows: Sequence[Row]) -> Series:
    days: dict[str, list[Row]] = {}
    for row in rows:
        days.setdefault(row.cluster, []).append(row)
    clusters = tuple(sorted(days))
    value = _LOSSES[loss]

    def sums(contender: Contender) -> tuple[float, ...]:
        if contender not in rows[0].errors:
            return ()
        return tuple(sum(value(row.errors[contender]) for row in days[day]) for day in clusters)

    return Series(
        loss=loss,
        slice=name,
        clusters=clusters,
        n=tuple(len(days[day]) for day in clusters),
        candidate=sums(Contender.CANDIDATE),
        champion=sums(Contender.CHAMPION),
        baseline=sums(Contender.BASELINE),
    )


def rows_of(
    *,
    candidate: float = 10.0,
    champion: float | None = 11.0,
    baseline: float = 20.0,
    bias: float = 0.0,
    days: int = 30,
    rows_a_day: int = 12,
    wobble: float = 0.2,
    seed: int = 1,
) -> list[Row]:
    """Return rows of flights in December on which the contenders err by about the given sizes.

    Args:
        candidate: Typical size of the candidate's errors.
        champion: The champion's, or None for a first model.
        baseline: The baseline's.
        bias: What the candidate's errors are off by on average.
        days: Clusters.
        rows_a_day: Rows of each, spread over two origins; every second day has one more.
        wobble: How far a contender's errors on a day move together, and apart from the others'.
        seed: Of the pseudo-random numbers.
    """
    dice = random.Random(seed)
    sizes = {Contender.CANDIDATE: candidate, Contender.BASELINE: baseline}
    if champion is not None:
        sizes[Contender.CHAMPION] = champion
    rows: list[Row] = []
    for day in range(days):
        offsets = {contender: dice.gauss(0, wobble) for contender in sizes}
        for i in range(rows_a_day + day % 2):
            size, sign = dice.uniform(0.5, 1.5), dice.choice((-1, 1))
            errors = {who: sign * size * max(0.0, sizes[who] + offsets[who]) for who in sizes}
            errors[Contender.CANDIDATE] += bias
            rows.append(Row(f"2013-12-{day + 1:02d}", ("JFK", "LGA")[i % 2], errors))
    return rows


def evidence(**changes: float | None) -> Paired:
    """Return the evidence of `rows_of`."""
    return aggregate(rows_of(**changes))  # type: ignore[arg-type]


def edited(
    paired: Paired, edit: Callable[[Series], Series], loss: Loss | None = None, name: str = ""
) -> Paired:
    """Return evidence with some of its series changed: those of a loss, of a slice, or all."""
    chosen = tuple(
        edit(series) if loss in (None, series.loss) and name in ("", series.slice) else series
        for series in paired.series
    )
    return replace(paired, series=chosen)


def swapped(paired: Paired) -> Paired:
    """Return evidence with candidate and champion in each other's place."""
    return replace(
        edited(paired, lambda s: replace(s, candidate=s.champion, champion=s.candidate)),
        candidate_trained_until=paired.champion_trained_until,
        champion_trained_until=paired.candidate_trained_until,
    )
