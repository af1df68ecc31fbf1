# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false

"""The numbers behind the plots and tables of a report, all from one `Evidence`.

Whatever is compared, a larger number is better for the candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs.decisions import Interval
from mlops.runs.evidence import ALL_ROWS, Contender, loss_of
from mlops.steps.evaluation.paired_losses import TARGET, predicted_by
from mlops.steps.profiles.drift import ColumnDrift, drift

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.steps.report.evidence import Evidence

#: Rows of each table that drift is computed on, at most.
DRIFT_ROWS = 20_000
_BINS = 40
_PARTS = 10
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Guarded:
    """A guard on the common scale of all guards: shares of its tolerance, above zero better.

    Attributes:
        interval: The guard's own interval, in units of its metric.
        change: Improvement over the champion, in tolerances.
        lower: Its lower end; the guard holds above -1.
        upper: Its upper end.
    """

    interval: Interval
    change: float
    lower: float
    upper: float


def deciding(evidence: Evidence) -> list[Interval]:
    """Return the intervals of the metric that decides: against the champion, against the baseline."""
    return [i for i in evidence.decision.verdict.intervals if not is_guard(evidence, i)]


def guards(evidence: Evidence) -> list[Guarded]:
    """Return the guards on their common scale, in the order of the policy."""
    found = [i for i in evidence.decision.verdict.intervals if is_guard(evidence, i)]
    return [
        Guarded(i, 0.0 - i.difference / i.bound, 0.0 - i.upper / i.bound, 0.0 - i.lower / i.bound)
        for i in found
        if i.bound > 0
    ]


def is_guard(evidence: Evidence, interval: Interval) -> bool:
    """Return whether an interval is a guard's: those follow the one or two of the deciding metric."""
    at = evidence.decision.verdict.intervals.index(interval)
    if interval.name != evidence.policy.metric or interval.against != Contender.CHAMPION:
        return interval.against == Contender.CHAMPION
    return at > 0


@dataclass(frozen=True)
class Paired:
    """The gain of each cluster: the champion's mean loss less the candidate's.

    Attributes:
        against: ``champion`` or ``baseline``.
        clusters: Names of the clusters.
        rows: Rows of each.
        gains: Gain of each, in units of the loss.
    """

    against: str
    clusters: tuple[str, ...]
    rows: tuple[int, ...]
    gains: tuple[float, ...]


def by_cluster(evidence: Evidence) -> Paired | None:
    """Return the gain of each cluster on all rows, against the champion or else the baseline."""
    series = evidence.paired.get(loss_of(evidence.policy.metric), ALL_ROWS)
    against = Contender.CHAMPION if evidence.paired.has_champion else Contender.BASELINE
    if series is None or not series.of(against):
        return None
    gains = tuple(
        (other - own) / n
        for other, own, n in zip(series.of(against), series.candidate, series.n, strict=True)
    )
    return Paired(str(against), series.clusters, series.n, gains)


@dataclass(frozen=True)
class SliceRow:
    """One slice: mean losses of candidate and champion, and how often it occurs."""

    name: str
    rows: int
    candidate: float
    champion: float
    gain: float


def slices(evidence: Evidence) -> list[SliceRow]:
    """Return the slices by the deciding loss, the one with the largest loss of the candidate's first."""
    loss = loss_of(evidence.policy.metric)
    found: list[SliceRow] = []
    for series in evidence.paired.series:
        other = series.champion or series.baseline
        if series.loss == loss and series.slice != ALL_ROWS and other:
            rows = sum(series.n)
            own, their = sum(series.candidate) / rows, sum(other) / rows
            found.append(SliceRow(series.slice, rows, own, their, their - own))
    return sorted(found, key=lambda row: (row.gain, row.name))


@dataclass(frozen=True)
class Histograms:
    """Counts of two sets of numbers in the same bins."""

    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]
    beyond: int


def losses(evidence: Evidence) -> Histograms | None:
    """Return how the loss that decides is distributed, for candidate and champion; rare ends are cut."""
    import numpy as np

    values = _losses(evidence)
    if not values:
        return None
    together = np.concatenate(list(values.values()))
    together = together[np.isfinite(together)]
    low, high = np.quantile(together, [0.0, 0.99]) if len(together) else (0.0, 0.0)
    if not high > low:
        return None
    edges = np.linspace(low, high, _BINS + 1)
    counts = {who: tuple(int(n) for n in np.histogram(v, edges)[0]) for who, v in values.items()}
    beyond = int((together > high).sum())
    return Histograms(tuple(float(e) for e in edges), counts, beyond)


def contenders(evidence: Evidence) -> list[Contender]:
    """Return candidate and champion or, where there was none, candidate and baseline."""
    other = Contender.CHAMPION if evidence.paired.has_champion else Contender.BASELINE
    return [Contender.CANDIDATE, other]


def _losses(evidence: Evidence) -> dict[str, np.ndarray]:
    table, loss, task = evidence.predictions, loss_of(evidence.policy.metric), evidence.spec.task
    if table is None or loss not in task.losses:
        return {}
    return {
        str(who): task.costs(table[TARGET], predicted_by(task, table, who))[loss]
        for who in contenders(evidence)
    }


@dataclass(frozen=True)
class ResidualPart:
    """Residuals of a tenth of the rows, by prediction: mean, and the middle half of them."""

    predicted: float
    rows: int
    mean: float
    low: float
    high: float


def residuals(evidence: Evidence) -> dict[str, list[ResidualPart]]:
    """Return, for one number as target, target less prediction by tenths of the prediction."""
    table, task = evidence.predictions, evidence.spec.task
    if table is None or task.name != "regression" or task.columns != ("",):
        return {}
    found: dict[str, list[ResidualPart]] = {}
    for who in contenders(evidence):
        predicted = predicted_by(task, table, who)[""].to_numpy("float64")
        found[str(who)] = _residual_parts(predicted, table[TARGET].to_numpy("float64") - predicted)
    return {who: parts for who, parts in found.items() if parts}


def _residual_parts(predicted: np.ndarray, residual: np.ndarray) -> list[ResidualPart]:
    import numpy as np

    order = np.argsort(predicted, kind="stable")
    parts = [p for p in np.array_split(order, _PARTS) if len(p) >= min(_LEAST_ROWS, len(order))]
    if not bool(np.isfinite(predicted).all()) or not parts:
        return []
    return [
        ResidualPart(
            float(predicted[part].mean()),
            len(part),
            float(residual[part].mean()),
            *(float(q) for q in np.quantile(residual[part], [0.25, 0.75])),
        )
        for part in parts
    ]


@dataclass(frozen=True)
class Calibrated:
    """Share that came true of what was given a probability: mean given, share that was right, rows."""

    given: float
    right: float
    rows: int


def calibration(evidence: Evidence) -> dict[str, list[Calibrated]]:
    """Return calibration by contender: of a classifier's classes, or of quantiles."""
    found = {
        str(who): [
            Calibrated(float(p["predicted"]), float(p["right"]), int(p["rows"]))
            for p in evidence.details.get(who, {}).get("calibration", ())
            if p.get("rows")
        ]
        for who in contenders(evidence)
    }
    return {who: parts for who, parts in (found | _coverage(evidence)).items() if parts}


def _coverage(evidence: Evidence) -> dict[str, list[Calibrated]]:
    """Return, for quantiles, the share of targets that were not above each."""
    table, task = evidence.predictions, evidence.spec.task
    levels: Sequence[float] = getattr(task, "quantiles", ())
    if table is None or not levels:
        return {}
    target = table[TARGET].to_numpy("float64")
    return {
        str(who): [
            Calibrated(level, float((target <= frame[name].to_numpy("float64")).mean()), len(target))
            for level, name in zip(levels, task.columns, strict=True)
        ]
        for who in contenders(evidence)
        for frame in [predicted_by(task, table, who)]
    }


def drifted(evidence: Evidence) -> list[ColumnDrift]:
    """Return the drift from the champion's rows to the candidate's, the largest index first."""
    if evidence.rows is None or evidence.other_rows is None:
        return []
    found = drift(thinned(evidence.other_rows), thinned(evidence.rows))
    return sorted(found.columns, key=lambda c: (-(c.psi or 0.0), c.name))


def thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Return evenly spaced rows, at most `DRIFT_ROWS`; the same ones for the same rows."""
    return rows.iloc[:: max(1, -(-len(rows) // DRIFT_ROWS))]


def shares(evidence: Evidence, column: str) -> tuple[list[str], list[float], list[float]]:
    """Return labels and shares of rows in champion's and candidate's data: tenths, or frequent values."""
    import numpy as np
    import pandas as pd

    assert evidence.rows is not None and evidence.other_rows is not None  # noqa: S101, PT018 - `drifted` has found some
    before, after = (thinned(rows)[column].dropna() for rows in (evidence.other_rows, evidence.rows))
    both = pd.concat([before, after])
    if (
        pd.api.types.is_numeric_dtype(both)
        and not pd.api.types.is_bool_dtype(both)
        and both.nunique() > _PARTS
    ):
        low, high = (float(q) for q in np.quantile(both.to_numpy("float64"), [0.005, 0.995]))
        edges = np.linspace(low, high if high > low else low + 1, 2 * _PARTS + 1)
        counts = [np.histogram(v.to_numpy("float64"), edges)[0] for v in (before, after)]
        labels = [f"{edge:.4g}" for edge in edges[:-1]]
    else:
        labels = [str(v) for v in sorted(both.value_counts().index[:_PARTS])]
        counts = [
            np.array([int((v.astype(str) == label).sum()) for label in labels]) for v in (before, after)
        ]
    old, new = ([float(n) / max(1, len(v)) for n in c] for c, v in zip(counts, (before, after), strict=True))
    return labels, old, new


def describe_value(value: Any) -> str:
    """Return a number with four significant digits, whole ones as they are, other values as text."""
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
