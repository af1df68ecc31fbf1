# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportReturnType=false

"""Canonical dtypes of raw tables, required of a user's file before validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: ISO 8601 with a time zone: a time without one would silently be read as UTC.
_ZONED = r".*(?:Z|[+-]\d\d:?\d\d)"


class Kind(StrEnum):
    """The kind of values of a column, which determines its dtype."""

    INTEGER = "whole numbers"
    NUMBER = "numbers"
    TEXT = "text"
    INSTANT = "times with a time zone"
    DATE = "calendar days (2013-07-31)"


#: Column to what it holds, in the order the columns are stored.
Schema = Mapping[str, Kind]


def conform(table: str, frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the frame with the columns of ``schema``, in its order, and their canonical dtypes.

    Whole numbers become ``int64`` and may not be missing; numbers become ``float64``, text ``str`` and times
    ``datetime64[us, UTC]``, days ``datetime64[us]`` at midnight, where missing values stay missing. Values
    are not judged: a month 13 passes.

    Args:
        table: Name of the table, for the error.
        frame: Rows as read from CSV or Parquet.
        schema: The columns that must be there.

    Raises:
        InputError: A column is missing or unexpected, or a value has no canonical form.
    """
    import pandas as pd

    _check_columns(table, [str(name) for name in frame.columns], list(schema))
    columns = {name: _column(table, frame[name], kind) for name, kind in schema.items()}
    return pd.DataFrame(columns).reset_index(drop=True)


def _check_columns(table: str, found: list[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    repeated = sorted({name for name in found if found.count(name) > 1})
    problems = [
        f"{what}: {', '.join(columns)}"
        for what, columns in (
            ("columns missing", missing),
            ("columns not expected", extra),
            ("repeated", repeated),
        )
        if columns
    ]
    if problems:
        raise InputError("; ".join(problems), where=f"table {table}", todo=f"name them {', '.join(wanted)}")


def _column(table: str, values: pd.Series, kind: Kind) -> pd.Series:
    convert: Callable[[pd.Series], pd.Series] = {
        Kind.INTEGER: _integer,
        Kind.NUMBER: _number,
        Kind.TEXT: _text,
        Kind.INSTANT: _instant,
        Kind.DATE: _date,
    }[kind]
    try:
        return convert(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"column {values.name} must hold {kind.value}: {error}", where=f"table {table}"
        ) from error


def _integer(values: pd.Series) -> pd.Series:
    numbers = _number(values)
    if numbers.isna().any():
        raise ValueError(f"row {int(numbers.isna().to_numpy().argmax())} is empty")
    whole = numbers == numbers.round()
    if not whole.all():
        position = int((~whole).to_numpy().argmax())
        raise ValueError(f"row {position} holds {numbers.iloc[position]}")
    return numbers.astype("int64")


def _number(values: pd.Series) -> pd.Series:
    import pandas as pd

    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        raise TypeError(f"found {values.dtype}")
    return pd.to_numeric(values).astype("float64")


def _text(values: pd.Series) -> pd.Series:
    import pandas as pd

    # A column without any value arrives as numbers: CSV cannot say what it would have held.
    empty = bool(values.isna().all())
    if not empty and pd.api.types.infer_dtype(values, skipna=True) != "string":
        raise TypeError(f"found {values.dtype}")
    return values.astype("str")


def _instant(values: pd.Series) -> pd.Series:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values):
        if values.dt.tz is None:
            raise ValueError("they carry no time zone")
        return values.dt.tz_convert("UTC").dt.as_unit("us")
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        raise TypeError(f"found {values.dtype}")
    zoned = values.isna() | values.str.fullmatch(_ZONED)
    if not zoned.all():
        position = int((~zoned).to_numpy().argmax())
        raise ValueError(f"row {position} holds {values.iloc[position]!r}, which carries no time zone")
    return pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")


def _date(values: pd.Series) -> pd.Series:
    import datetime as dt

    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values):
        days = values
        if values.dt.tz is not None or not (values.dropna() == values.dropna().dt.normalize()).all():
            raise ValueError("they are not days without a time")
        return days.dt.as_unit("us")
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in {"string", "date"}:
        raise TypeError(f"found {values.dtype}")
    texts = values.map(lambda value: value.isoformat() if isinstance(value, dt.date) else value)
    return pd.to_datetime(texts, format="%Y-%m-%d").dt.as_unit("us")
