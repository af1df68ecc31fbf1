# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""The split into training and holdout rows, and the digest that identifies a holdout."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlops.pipelines.spec import PipelineSpec, Split
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.records import HoldoutRule

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["HoldoutRule", "NotEnoughData", "row_digest", "split"]

#: pandas period of each period that a rule can name.
_PERIODS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q-DEC", "year": "Y-DEC"}


class NotEnoughData(InputError):
    """There are too few rows or periods for both training and holdout."""


def split(rows: pd.DataFrame, rule: HoldoutRule, spec: PipelineSpec) -> Split:
    """Return training and holdout rows as ``rule`` says, both in the order of ``rows``.

    With ``newest_period`` the newest period is held out and everything before it is trained on. With
    ``rolling_origin`` the newest periods judge, each a model that was trained on everything before it; the
    training rows are those of the last such model, so all periods but the newest are on both sides. With
    ``hash`` a row's side follows from its key alone, or from the columns that the rule names, so it never
    changes sides when other rows arrive. With ``keys`` it follows from the value of one column.

    Args:
        rows: Joined rows, sorted by time and key.
        rule: Which rows judge.
        spec: The pipeline, for its key.

    Raises:
        NotEnoughData: One of the two sides would be empty.
        ConfigError: The rule names no known kind or period, or a column that the rows do not have.
        InputError: A row has no value in the rule's column.
    """
    judges = _judges(rows, rule, spec)
    trained, holdout = ~judges, rows[judges]
    enough = bool(trained.any()) and not holdout.empty
    if rule.is_rolling:
        trained = ~_in_newest(rows, rule, 1)
    train = rows[trained]
    if not enough:
        what = f"one {rule.period} of data" if len(rows) and rule.period else f"{len(rows)} rows"
        if rule.is_rolling and len(rows):
            found = _periods_of(rows, rule).nunique()
            what = f"data of {found} periods ({rule.period}), of which {rule.periods} are held out,"
        raise NotEnoughData(
            f"{what} cannot be split into training and holdout rows",
            where=spec.name,
            todo="ingest another arrival",
        )
    return Split(train.reset_index(drop=True), holdout.reset_index(drop=True), rule)


def row_digest(frame: pd.DataFrame, key: Sequence[str], columns: Sequence[str]) -> str:
    """Return a SHA-256 over the named columns of all rows, whatever their order.

    It depends on values alone: not on the library that holds them, on how wide their numbers are or on how
    fine their clock is (down to nanoseconds). All missing values are equal.

    Args:
        frame: Rows that ``key`` identifies.
        key: Columns that the rows are sorted by; they are digested too.
        columns: What else is digested.

    Raises:
        InputError: A column holds something other than numbers, text, times or truth values.
    """
    taken = list(dict.fromkeys([*key, *columns]))
    ordered = frame[taken].sort_values(list(key), kind="stable")
    digest = hashlib.sha256(f"{len(ordered)} rows".encode())
    for name in taken:
        kind, missing, content = _canonical_column(ordered[name])
        for part in (name.encode(), kind.encode(), missing, content):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def _judges(rows: pd.DataFrame, rule: HoldoutRule, spec: PipelineSpec) -> pd.Series:
    if rule.is_timed:
        if not spec.time:
            raise ConfigError(
                "a holdout that is a period needs a pipeline whose rows have a time",
                where=names.HOLDOUT_RULE,
                todo="hold out a share of the keys: kind: hash",
            )
        return _in_newest(rows, rule, rule.periods if rule.is_rolling else 1)
    if rule.kind == "hash":
        return _in_fraction(rows, rule, overlap_key(spec, rule))
    if rule.kind == "keys":
        return _among_values(rows, rule)
    if rule.kind == "none":
        raise ConfigError("a model needs rows that are held out of its training", where=names.HOLDOUT_RULE)
    raise ConfigError(
        "no such kind of holdout; there are newest_period, hash, keys, rolling_origin", where=str(rule.kind)
    )


def overlap_key(spec: PipelineSpec, rule: HoldoutRule) -> tuple[str, ...]:
    """Return the columns by which rows of training and holdout must differ."""
    return rule.by or spec.key


def _among_values(rows: pd.DataFrame, rule: HoldoutRule) -> pd.Series:
    import pandas as pd

    _check_columns(rows, [rule.column])
    listed = set(rule.values)
    return pd.Series([text in listed for text in _texts(rows[rule.column])], index=rows.index, dtype=bool)


def _check_columns(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    lacking = [name for name in columns if name not in rows.columns]
    if lacking:
        raise ConfigError(f"the rows have no column {', '.join(lacking)}", where=names.HOLDOUT_RULE)
    empty = [name for name in columns if rows[name].isna().any()]
    if empty:
        raise InputError(f"rows without a value of {', '.join(empty)} cannot be split", where="joined rows")


def _in_newest(rows: pd.DataFrame, rule: HoldoutRule, count: int) -> pd.Series:
    """Return which rows are in the newest periods that have rows."""
    periods = _periods_of(rows, rule)
    return periods.isin(sorted(periods.unique())[-count:])


def origins(rows: pd.DataFrame, rule: HoldoutRule) -> list[str]:
    """Return the first day of each period that has rows, ISO 8601, ascending."""
    return [period.start_time.date().isoformat() for period in sorted(_periods_of(rows, rule).unique())]


def origin_of(rows: pd.DataFrame, rule: HoldoutRule) -> pd.Series:
    """Return for each row the first day of its period, ISO 8601; texts of that form are in order of time."""
    return _periods_of(rows, rule).dt.start_time.dt.strftime("%Y-%m-%d")


def _periods_of(rows: pd.DataFrame, rule: HoldoutRule) -> pd.Series:
    """Return the period of each row, by the wall clock of its column."""
    import pandas as pd

    if rule.period not in _PERIODS:
        raise ConfigError(f"no such period; there are {', '.join(_PERIODS)}", where=rule.period or "period")
    if rule.column not in rows.columns or not pd.api.types.is_datetime64_any_dtype(rows[rule.column]):
        raise ConfigError("the holdout rule needs a column with times", where=rule.column or "column")
    times = rows[rule.column]
    if times.isna().any():
        raise InputError(f"{int(times.isna().sum())} rows without a time", where=rule.column)
    wall = times if times.dt.tz is None else times.dt.tz_localize(None)
    return wall.dt.to_period(_PERIODS[rule.period])


def _in_fraction(rows: pd.DataFrame, rule: HoldoutRule, key: Sequence[str]) -> pd.Series:
    import pandas as pd

    if not 0 < rule.fraction <= 0.5:
        raise ConfigError("the share that is held out must be above 0 and at most 0.5", where="fraction")
    # 64 bits of a digest: a share of the key space, the same on every machine and in every version.
    limit = int(rule.fraction * 2**64)
    _check_columns(rows, key)
    texts = [_texts(rows[column]) for column in key]
    held = [
        int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big") < limit
        for parts in zip(*texts, strict=True)
    ]
    return pd.Series(held, index=rows.index, dtype=bool)


def _texts(column: pd.Series) -> list[str]:
    """Return each value as a text that depends on the value alone and holds no NUL."""
    kind, _, _ = _canonical_column(column.iloc[:0])
    if kind == "text":
        return [str(value).replace("\\", "\\\\").replace("\0", "\\0") for value in column]
    return [str(value) for value in _as_array(column, kind).tolist()]


def _canonical_column(column: pd.Series) -> tuple[str, bytes, bytes]:
    """Return what a column holds, which of its values are missing, and its values, as bytes."""
    import numpy as np

    missing = column.isna().to_numpy(dtype=bool)
    kind = _kind(column)
    content = _text_bytes(column) if kind == "text" else _as_array(column, kind).tobytes()
    return kind, np.packbits(missing).tobytes(), content


def _text_bytes(column: pd.Series) -> bytes:
    """Return the lengths of all texts in UTF-8 as 64-bit integers, then the texts; a missing one is empty."""
    import numpy as np
    import pyarrow as pa

    # Arrow holds texts in just this form: nothing has to be encoded one by one.
    texts = pa.array(column.astype(object).where(column.notna(), ""), pa.large_string())
    _, offsets, data = texts.buffers()
    if not len(texts) or offsets is None or data is None:
        return bytes(8 * len(texts))
    ends = np.frombuffer(offsets, dtype="<i8")[texts.offset : texts.offset + len(texts) + 1]
    return np.diff(ends).astype("<i8").tobytes() + data[int(ends[0]) : int(ends[-1])].to_pybytes()


def _kind(column: pd.Series) -> str:
    from pandas.api import types

    tests: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("truth", types.is_bool_dtype),
        ("integer", types.is_integer_dtype),
        ("number", types.is_float_dtype),
        ("time", types.is_datetime64_any_dtype),
        ("text", lambda dtype: types.infer_dtype(column, skipna=True) in ("string", "empty")),
    )
    for kind, holds in tests:
        if holds(column):
            return kind
    raise InputError(f"cannot be digested: {column.dtype}", where=str(column.name))


def _as_array(column: pd.Series, kind: str) -> np.ndarray:
    """Return the values in one fixed form per kind; missing ones and -0.0 are 0."""
    import numpy as np

    if kind == "time":
        wall = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        nanoseconds = wall.dt.as_unit("ns").to_numpy().astype("<i8")
        return np.where(column.isna().to_numpy(), 0, nanoseconds).astype("<i8")
    if kind == "number":
        values = column.to_numpy(dtype="<f8", na_value=np.nan)
        return np.where(np.isnan(values), 0.0, values + 0.0).astype("<f8")
    dtype = "<i8" if kind == "integer" else "u1"
    return column.fillna(0).to_numpy().astype(dtype)
