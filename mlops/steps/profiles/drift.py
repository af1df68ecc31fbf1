# pandas and scipy ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

"""Drift between two tables: for each column how far its values are apart, and whether chance explains that.

The population stability index is the sum of ``(b - a) ln(b / a)`` over the shares ``a`` and ``b`` of each
bin. The bins of numbers and times are the tenths of the first table, those of other columns its most frequent
values, and one bin for all others; a share of 0 counts as half a row. Below 0.1 it is usually called stable,
from 0.25 on a shift.

Numbers and times are compared by the two-sample Kolmogorov-Smirnov test, other columns by the chi-square test
of the same counts; bins that neither table has rows in are left out. The p-values of all columns are
corrected together by Holm's method, so that the chance of any false alarm is at most the level.

Sources of the formulas: the index in N. Siddiqi, Credit Risk Scorecards (2006); the test of two samples in
N. Smirnov, Annals of Mathematical Statistics 19 (1948), 279; the test of counts in K. Pearson, Philosophical
Magazine 50 (1900), 157; the correction in S. Holm, Scandinavian Journal of Statistics 6 (1979), 65.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops.steps.profiles.profile import kind_of, texts_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: Error level of all columns together.
LEVEL = 0.01
_TENTHS = 10
_MOST_VALUES = 20


@dataclass(frozen=True)
class ColumnDrift:
    """The drift of one column.

    Attributes:
        name: The column.
        kind: As in its profile.
        psi: Population stability index; None where a table has no value.
        test: ``kolmogorov-smirnov`` or ``chi-square``; empty where nothing can be tested.
        statistic: That of the test.
        p_value: Probability of a difference of this size by chance, for this column alone.
        corrected: The same, corrected for the number of columns (Holm).
        missing: Shares of rows without a value, in the first and the second table.
    """

    name: str
    kind: str
    psi: float | None
    test: str
    statistic: float | None
    p_value: float | None
    corrected: float | None
    missing: tuple[float, float]

    @property
    def drifted(self) -> bool:
        """Return whether chance does not explain the difference, at `LEVEL`."""
        return self.corrected is not None and self.corrected < LEVEL


@dataclass(frozen=True)
class Drift:
    """The drift between two tables.

    Attributes:
        columns: Columns that both have in the same kind, in the order of the first.
        added: Columns that only the second has.
        removed: Columns that only the first has.
        retyped: Columns of another kind, as ``name: integer -> text``.
    """

    columns: tuple[ColumnDrift, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types, with what was corrected how."""
        rows = [{**asdict(column), "drifted": column.drifted} for column in self.columns]
        return {**asdict(self), "columns": rows, "level": LEVEL, "correction": "holm"}


def drift(first: pd.DataFrame, second: pd.DataFrame) -> Drift:
    """Return the drift from the first table to the second."""
    kinds = [{str(name): kind_of(frame[name]) for name in frame.columns} for frame in (first, second)]
    both = [name for name in kinds[0] if name in kinds[1]]
    same = [name for name in both if _family(kinds[0][name]) == _family(kinds[1][name])]
    found = [_column(name, kinds[0][name], first[name], second[name]) for name in same]
    corrected = holm([column["p_value"] for column in found])
    return Drift(
        tuple(ColumnDrift(**column, corrected=p) for column, p in zip(found, corrected, strict=True)),
        tuple(name for name in kinds[1] if name not in kinds[0]),
        tuple(name for name in kinds[0] if name not in kinds[1]),
        tuple(f"{name}: {kinds[0][name]} -> {kinds[1][name]}" for name in both if name not in same),
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected by Holm's method (1979); None stays None and does not count."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[place] = largest
    return corrected


def _family(kind: str) -> str:
    return "number" if kind == "integer" else kind


def _column(name: str, kind: str, first: pd.Series, second: pd.Series) -> dict[str, Any]:
    missing = tuple(float(values.isna().mean()) if len(values) else 0.0 for values in (first, second))
    told: dict[str, Any] = {"name": name, "kind": kind, "missing": missing}
    nothing = {"psi": None, "test": "", "statistic": None, "p_value": None}
    measured = kind in ("integer", "number", "time")
    one, other = (_numbers(v, kind) if measured else texts_of(v.dropna()) for v in (first, second))
    if not len(one) or not len(other):
        return {**told, **nothing}
    return {**told, **(_measured(one, other) if measured else _counted(one, other))}


def _numbers(values: pd.Series, kind: str) -> np.ndarray:
    import numpy as np

    present = values.dropna()
    if kind == "time":
        wall = present if present.dt.tz is None else present.dt.tz_convert("UTC").dt.tz_localize(None)
        return wall.dt.as_unit("us").to_numpy().astype("int64").astype("float64")
    numbers = present.to_numpy(dtype="float64")
    return numbers[np.isfinite(numbers)]


def _measured(one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    import numpy as np
    from scipy import stats

    inner = np.unique(np.quantile(one, np.linspace(0, 1, _TENTHS + 1)[1:-1]))
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    counts = [np.histogram(values, edges)[0] for values in (one, other)]
    result = stats.ks_2samp(one, other, method="auto")
    return {
        "psi": psi(counts[0], counts[1]),
        "test": "kolmogorov-smirnov",
        "statistic": float(result.statistic),
        "p_value": float(result.pvalue),
    }


def _counted(one: pd.Series, other: pd.Series) -> dict[str, Any]:
    import numpy as np
    from scipy import stats

    kept = list(one.value_counts().index[:_MOST_VALUES])
    counts = np.array([_shares(values, kept) for values in (one, other)])
    counts = counts[:, counts.sum(axis=0) > 0]
    found: dict[str, Any] = {"psi": psi(counts[0], counts[1]), "test": "", "statistic": None, "p_value": None}
    if counts.shape[1] < 2:
        return found
    result = stats.chi2_contingency(counts, correction=False)
    return {**found, "test": "chi-square", "statistic": float(result[0]), "p_value": float(result[1])}


def _shares(values: pd.Series, kept: Sequence[str]) -> list[int]:
    counts: Mapping[Any, int] = values.value_counts().to_dict()
    listed = [int(counts.get(value, 0)) for value in kept]
    return [*listed, len(values) - sum(listed)]


def psi(first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> float:
    """Return the population stability index of two counts of the same bins; a count of 0 is half a row.

    It is never negative, 0 for equal shares, and the same in both directions.
    """
    totals = [float(sum(max(float(n), 0.5) for n in counts)) for counts in (first, second)]
    return sum(
        (max(float(b), 0.5) / totals[1] - max(float(a), 0.5) / totals[0])
        * math.log((max(float(b), 0.5) / totals[1]) / (max(float(a), 0.5) / totals[0]))
        for a, b in zip(first, second, strict=True)
        if a or b
    )
