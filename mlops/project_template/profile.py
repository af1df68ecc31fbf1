# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false

"""The profile of a sample: kinds and ranges of its columns, and the part that each plays in a pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, conform
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: Most different texts of a column that are listed in a suite and given to a model.
FEW_VALUES = 20
#: Most classes of a target.
MOST_CLASSES = 50
#: Least number of clusters that a column must have to be taken for them.
_LEAST_CLUSTERS = 20
_TARGETS = ("target", "label", "class", "y")


@dataclass(frozen=True)
class Column:
    """One column of a sample.

    Attributes:
        name: Its name.
        kind: What it holds.
        complete: Whether no value is missing.
        low: Least number, or None.
        high: Greatest number, or None.
        values: Its different texts, where they are few; else empty.
        distinct: Number of different values.
    """

    name: str
    kind: Kind
    complete: bool
    low: float | None
    high: float | None
    values: tuple[str, ...]
    distinct: int


@dataclass(frozen=True)
class Profile:
    """The columns of a sample, and the part that each plays.

    Attributes:
        columns: All columns, in their order.
        rows: Number of rows.
        key: Columns that identify a row.
        cluster: Column whose values are the clusters; empty without a model.
        target: Column that is predicted; empty without a model.
        spread: Standard deviation of the target; 1 where it is no number.
        model_input: Columns that the model takes.
        excluded: Column to the reason why the model does not take it.
    """

    columns: tuple[Column, ...]
    rows: int
    key: tuple[str, ...]
    cluster: str
    target: str
    spread: float
    model_input: tuple[str, ...]
    excluded: dict[str, str]

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)


def profile(frame: pd.DataFrame, task: str, target: str, key: Sequence[str]) -> Profile:
    """Return the profile of a sample.

    Args:
        frame: Its rows, as they were read; of CSV every column is text.
        task: Kind of the task.
        target: Column that is predicted; empty for a guess by name, else the last one that suits the task.
        key: Columns that identify a row; empty for a guess.

    Raises:
        InputError: The sample does not suit the task; says which column and why.
    """
    import pandas as pd

    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1 or not name.strip()})
    if twice or len(frame) < 2 or len(names) < 2:
        wrong = f"has columns without a name of their own: {', '.join(map(repr, twice))}" if twice else ""
        raise InputError(wrong or "needs at least two rows and two columns", where="sample")
    kinds = {name: _kind(frame[name]) for name in names}
    rows = conform("sample", _as_text(frame, kinds), kinds)
    columns = tuple(_column(rows[name], kind) for name, kind in kinds.items())
    by_name = {column.name: column for column in columns}
    for name in (*key, *((target,) if target else ())):
        if name not in by_name:
            raise InputError(
                "the sample has no such column", where=name, todo=f"there are {', '.join(names)}"
            )
    if task == "ranking":
        return _of_lists(rows, columns, target, key)
    if task == "data":
        return _of_data(rows, columns, target, key)
    chosen = target or _target(columns, task)
    _check_target(by_name[chosen], task)
    keys = _keys(rows, [column for column in columns if column.name != chosen], key)
    cluster = _cluster(columns, {*keys, chosen}, len(rows)) or keys[0]
    taken, excluded = _roles(columns, keys, chosen)
    if not taken:
        raise InputError("no column is left for the model to take", where="sample")
    number = kinds[chosen] in (Kind.INTEGER, Kind.NUMBER)
    spread = float(pd.to_numeric(rows[chosen]).std()) if number else 1.0
    return Profile(columns, len(rows), keys, cluster, chosen, spread or 1.0, taken, excluded)


def _of_data(rows: pd.DataFrame, columns: tuple[Column, ...], target: str, key: Sequence[str]) -> Profile:
    """Return the profile of rows that no model is trained on."""
    if target:
        raise InputError("data alone has no target", where="--target", todo="leave it out")
    return Profile(columns, len(rows), _keys(rows, columns, key), "", "", 1.0, (), {})


def _of_lists(rows: pd.DataFrame, columns: tuple[Column, ...], target: str, key: Sequence[str]) -> Profile:
    """Return the profile of items in lists: query and item identify a row together, and neither alone."""
    usable = [c.name for c in columns if c.complete and c.kind is not Kind.NUMBER and c.distinct < len(rows)]
    pairs = [tuple(key)] if key else list(itertools.combinations(usable, 2))
    named = [pair for pair in pairs if len(pair) == 2 and (not target or target in pair)]
    found = next((pair for pair in named if not rows.duplicated(list(pair)).any()), None)
    if found is None or not set(found) <= set(usable):
        raise InputError(
            "no query and item identify a row together and occur in several rows each",
            where="--key" if key else "sample",
            todo="name both with --key, the query first, or another file",
        )
    query, item = found if target != found[0] else found[::-1]
    reasons = {c.name: "the model takes query and item alone" for c in columns if c.name not in found}
    excluded = {item: "the target", **reasons}
    return Profile(columns, len(rows), (query, item), query, item, 1.0, (query, item), excluded)


def _kind(values: pd.Series) -> Kind:
    """Return what a column holds."""
    import pandas as pd
    from pandas.api import types

    present = values.dropna()
    if types.is_datetime64_any_dtype(values):
        if values.dt.tz is None:
            raise InputError("holds times without a time zone", where=str(values.name), todo="give them one")
        return Kind.INSTANT
    if present.empty or types.is_bool_dtype(present):
        return Kind.TEXT
    texts = types.infer_dtype(present) == "string"
    if not texts and not types.is_numeric_dtype(present):
        raise InputError(f"holds {present.dtype}, which no table can", where=str(values.name))
    # 007 is a name and not a number.
    if texts and present.str.fullmatch(r"0\d+").any():
        return Kind.TEXT
    try:
        numbers = pd.to_numeric(present).astype("float64")
    except (ValueError, TypeError, OverflowError):
        zoned = texts and present.str.fullmatch(r"\d{4}-\d\d-\d\d[T ].*(?:Z|[+-]\d\d:?\d\d)").all()
        return Kind.INSTANT if zoned else Kind.TEXT
    whole = len(present) == len(values) and bool(
        ((numbers == numbers.round()) & (numbers.abs() < 2**53)).all()
    )
    return Kind.INTEGER if whole else Kind.NUMBER


def _as_text(frame: pd.DataFrame, kinds: dict[str, Kind]) -> pd.DataFrame:
    return frame.astype({name: "str" for name, kind in kinds.items() if kind is Kind.TEXT})


def _column(values: pd.Series, kind: Kind) -> Column:
    import numpy as np

    distinct, low, high, texts = int(values.nunique()), None, None, ()
    if kind in (Kind.INTEGER, Kind.NUMBER):
        finite = values[np.isfinite(values.to_numpy("float64"))]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (None, None)
    elif kind is Kind.TEXT and 0 < distinct <= max(MOST_CLASSES, FEW_VALUES):
        texts = tuple(sorted(str(value) for value in values.dropna().unique()))
    return Column(str(values.name), kind, not bool(values.isna().any()), low, high, texts, distinct)


def _suits(column: Column, task: str) -> bool:
    if not column.complete or column.distinct < 2:
        return False
    if task == "regression":
        return column.kind in (Kind.INTEGER, Kind.NUMBER)
    return column.kind is Kind.TEXT and len(column.values) >= 2


def _target(columns: Sequence[Column], task: str) -> str:
    suited = [column.name for column in columns if _suits(column, task)]
    if not suited:
        wanted = "numbers" if task == "regression" else f"2 to {MOST_CLASSES} different texts"
        raise InputError(
            f"no column suits {task}: its target needs {wanted} and no missing value",
            where="sample",
            todo="name another --task or another file",
        )
    return next((name for name in suited if name.lower() in _TARGETS), suited[-1])


def _check_target(column: Column, task: str) -> None:
    if _suits(column, task):
        return
    missing = "" if column.complete else ", some of them missing"
    raise InputError(
        f"{column.distinct} different values ({column.kind.value}{missing}) cannot be the target of a {task}",
        where=column.name,
    )


def _keys(rows: pd.DataFrame, columns: Sequence[Column], key: Sequence[str]) -> tuple[str, ...]:
    """Return the named columns, or a guess, which identify every row."""
    keys = tuple(key) or _key(rows, columns)
    if rows.duplicated(list(keys)).any():
        raise InputError(f"rows share a key: {', '.join(keys)}", where="--key", todo="name more columns")
    return keys


def _key(rows: pd.DataFrame, columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the first column that identifies a row, preferring names of identifiers, or the first pair."""
    usable = [column.name for column in columns if column.complete and column.kind is not Kind.NUMBER]
    usable.sort(key=lambda name: not (name.lower() in ("id", "key") or name.lower().endswith("_id")))
    for size in (1, 2):
        for names in itertools.combinations(usable, size):
            if not rows.duplicated(list(names)).any():
                return names
    raise InputError(
        "no column and no pair of columns identifies a row",
        where="sample",
        todo="name the columns with --key, once for each",
    )


def _cluster(columns: Sequence[Column], taken: set[str], rows: int) -> str:
    for column in columns:
        countable = column.kind in (Kind.TEXT, Kind.INTEGER) and column.complete
        if column.name not in taken and countable and _LEAST_CLUSTERS <= column.distinct <= rows / 2:
            return column.name
    return ""


def _roles(
    columns: Sequence[Column], key: Sequence[str], target: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the columns that a model takes, and the reason for each that it does not."""
    excluded: dict[str, str] = {}
    for column in columns:
        if column.name == target:
            excluded[column.name] = "the target"
        elif column.name in key:
            excluded[column.name] = "it identifies the row"
        elif column.distinct < 2:
            excluded[column.name] = "the same in every row of the sample"
        elif column.kind is Kind.INSTANT:
            excluded[column.name] = "a time; derive from it what matters"
        elif column.kind is Kind.TEXT and not 0 < column.distinct <= FEW_VALUES:
            excluded[column.name] = "too many different texts for one column each"
    return tuple(column.name for column in columns if column.name not in excluded), excluded
