# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportAttributeAccessIssue=false

"""The profile of a table: a frozen value with a JSON form, equal for equal tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import Corrupt, InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: A number of a profile: times are ISO 8601 texts.
Value = float | str
#: The quantiles that a profile contains.
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: Number of the most frequent values that a profile contains.
TOP = 10
#: Number of bins of a histogram, all of the same width.
BINS = 20

_LONGEST_CELL = 80


@dataclass(frozen=True)
class Histogram:
    """Counts of the values of a column in bins of the same width.

    Attributes:
        edges: Ends of the bins, ascending; every bin but the last is without its upper end.
        counts: Rows per bin.
    """

    edges: tuple[Value, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        name: Its name.
        kind: ``integer``, ``number``, ``time``, ``truth`` or ``text``.
        dtype: Its pandas dtype.
        missing: Rows without a value.
        infinite: Rows with an infinite number, which is in no other part of the profile.
        distinct: Number of different values.
        mean: Mean of the numbers; None for other kinds and where there is none.
        std: Standard deviation of the numbers; None where there are fewer than two.
        minimum: Smallest number or time; None for other kinds and where there is none.
        maximum: Largest number or time.
        quantiles: Level to quantile, for numbers and times.
        histogram: For numbers and times; None where there is no value.
        top: The most frequent values and their rows, the most frequent first, equal ones ascending.
    """

    name: str
    kind: str
    dtype: str
    missing: int
    infinite: int
    distinct: int
    mean: float | None
    std: float | None
    minimum: Value | None
    maximum: Value | None
    quantiles: Mapping[str, Value]
    histogram: Histogram | None
    top: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Profile:
    """A table: ``reports/profile.json``.

    Attributes:
        table: What the table is called.
        rows: Number of rows.
        duplicates: Rows that are equal to an earlier row in all columns.
        columns: Its columns, in their order.
    """

    table: str
    rows: int
    duplicates: int
    columns: tuple[ColumnProfile, ...]

    @property
    def missing(self) -> int:
        """Return the number of missing values of all columns."""
        return sum(column.missing for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any], *, where: str = "profile") -> Profile:
        """Return the profile that ``value`` describes.

        Raises:
            Corrupt: A field is missing or of the wrong form.
        """
        try:
            columns = tuple(_column_from(row) for row in value["columns"])
            return Profile(str(value["table"]), int(value["rows"]), int(value["duplicates"]), columns)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"not a profile: {error}", where=where) from error


def _column_from(value: Mapping[str, Any]) -> ColumnProfile:
    fields, bins = dict(value), value["histogram"]
    fields["histogram"] = None if bins is None else Histogram(tuple(bins["edges"]), tuple(bins["counts"]))
    fields["top"] = tuple((str(text), int(rows)) for text, rows in value["top"])
    return ColumnProfile(**fields)


def profile(table: str, frame: pd.DataFrame) -> Profile:
    """Return the profile of a table.

    Args:
        table: What the table is called.
        frame: Its rows.

    Raises:
        InputError: Two columns have the same name.
    """
    repeated = [str(name) for name in frame.columns[frame.columns.duplicated()]]
    if repeated:
        raise InputError(f"several columns are called {', '.join(repeated)}", where=f"table {table}")
    columns = tuple(_column(str(name), frame[name]) for name in frame.columns)
    return Profile(table, len(frame), _duplicates(frame), columns)


def _duplicates(frame: pd.DataFrame) -> int:
    if not len(frame.columns):
        return 0
    try:
        return int(frame.duplicated().sum())
    except TypeError:  # cells that are lists or maps cannot be compared
        return int(frame.apply(texts_of).duplicated().sum())


def _column(name: str, values: pd.Series) -> ColumnProfile:
    import numpy as np

    kind = kind_of(values)
    present = values[values.notna()]
    infinite = 0
    if kind in ("integer", "number"):
        finite = np.isfinite(present.to_numpy(dtype="float64"))
        infinite, present = int((~finite).sum()), present[finite]
    counts = _frequencies(present, kind)
    numbers, back = _as_numbers(present, kind)
    measured, arithmetic = len(numbers) > 0, kind in ("integer", "number")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
        mean = numbers.mean() if measured else math.nan
        std = numbers.std(ddof=1) if len(numbers) > 1 else math.nan
    return ColumnProfile(
        name=name,
        kind=kind,
        dtype=str(values.dtype),
        missing=int(values.isna().sum()),
        infinite=infinite,
        distinct=len(counts),
        mean=_finite(mean) if arithmetic else None,
        std=_finite(std) if arithmetic else None,
        minimum=back(numbers.min()) if measured else None,
        maximum=back(numbers.max()) if measured else None,
        quantiles=_quantiles(numbers, back) if measured else {},
        histogram=_histogram(numbers, back) if measured else None,
        top=tuple(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:TOP]),
    )


def kind_of(values: pd.Series) -> str:
    """Return ``truth``, ``integer``, ``number``, ``time`` or, for everything else, ``text``."""
    from pandas.api import types

    tests: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("truth", types.is_bool_dtype),
        ("integer", types.is_integer_dtype),
        ("number", types.is_float_dtype),
        ("time", types.is_datetime64_any_dtype),
    )
    return next((kind for kind, holds in tests if holds(values.dtype)), "text")


def texts_of(values: pd.Series) -> pd.Series:
    """Return values as text; bytes as Python writes them, for they need not be text."""
    import pandas as pd

    if isinstance(values.dtype, pd.StringDtype):
        return values
    return values.map(lambda value: repr(value) if isinstance(value, bytes) else str(value))


def _frequencies(present: pd.Series, kind: str) -> dict[str, int]:
    """Return value to rows; values are told apart as they are, not as they are shown."""
    texts = texts_of(present) if kind == "text" else present
    found: dict[str, int] = {}
    for value, rows in texts.value_counts().items():
        shown = value.isoformat() if kind == "time" else str(value)
        if len(shown) > _LONGEST_CELL:
            shown = f"{shown[:_LONGEST_CELL]}… ({len(shown):,} characters, no. {len(found) + 1})"
        found[shown] = int(rows)
    return found


def _as_numbers(present: pd.Series, kind: str) -> tuple[np.ndarray, Callable[[Any], Value]]:
    """Return the values as float64 and what turns a number back into a value; none for texts and truth."""
    import numpy as np
    import pandas as pd

    if kind in ("integer", "number"):
        return present.to_numpy(dtype="float64"), float
    if kind != "time":
        return np.empty(0), float
    wall = present if present.dt.tz is None else present.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = wall.dt.as_unit("us").to_numpy().astype("int64") / 1e6
    zone = "" if present.dt.tz is None else "+00:00"
    return seconds, lambda value: pd.Timestamp(round(value * 1e6), unit="us").isoformat() + zone


def _quantiles(numbers: np.ndarray, back: Callable[[Any], Value]) -> dict[str, Value]:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        found = np.quantile(numbers, LEVELS)
    pairs = zip(LEVELS, found, strict=True)
    return {f"{level:g}": back(value) for level, value in pairs if math.isfinite(value)}


def _histogram(numbers: np.ndarray, back: Callable[[Any], Value]) -> Histogram | None:
    import numpy as np

    low, high = float(numbers.min()), float(numbers.max())
    if not math.isfinite(high - low):
        return None  # the range is wider than a number can be
    if low == high:
        return Histogram((back(low), back(high)), (len(numbers),))
    edges = np.linspace(low, high, BINS + 1)
    if not (np.diff(edges) > 0).all():
        return Histogram((back(low), back(high)), (len(numbers),))  # closer together than numbers can be
    counts, edges = np.histogram(numbers, bins=edges)
    return Histogram(tuple(map(back, edges)), tuple(map(int, counts)))


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
