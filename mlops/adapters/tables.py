# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Tables as Parquet: equal frames give equal bytes, and two tables are compared by row key."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".csv.zip")


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return a frame as Parquet; equal frames have equal bytes, and reading gives an equal frame.

    Whole numbers, numbers, truth values, text and times (to the microsecond, with a zone in UTC) are stored;
    the index is not. Nothing in the bytes depends on the version of pandas.

    Raises:
        InputError: A column holds something else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [str(name) for name in frame.columns]
    table = pa.Table.from_arrays([_to_arrow(frame[name]) for name in frame.columns], names=names)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=1, store_schema=False)
    return buffer.getvalue()


def read_parquet(
    source: bytes | IO[bytes] | Path, *, where: str = "", columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the rows of a Parquet file: text as ``str``, times to the microsecond, an index from 0.

    Args:
        source: Content, or a seekable file that is read in pieces, or a path.
        where: What the file is called in errors.
        columns: The columns wanted, in that order; all of them where it is None.

    Raises:
        InputError: It is not Parquet, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pa.BufferReader(source) if isinstance(source, bytes) else source
    place = where or (str(source) if isinstance(source, Path) else "table")
    try:
        with pq.ParquetFile(file) as parquet:
            lacking = [name for name in columns or () if name not in parquet.schema_arrow.names]
            if lacking:
                raise InputError(f"has no column {', '.join(lacking)}", where=place)
            table = parquet.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet: {error}", where=place) from error
    frame = table.to_pandas()
    return frame if columns is None else frame[list(columns)]


def read_table_file(path: Path) -> pd.DataFrame:
    """Return the rows of a user's file; of CSV every column is text, for the pipeline's schema to convert.

    Raises:
        InputError: The file is missing, unreadable, empty, or neither CSV nor Parquet.
    """
    if not str(path).lower().endswith(SUFFIXES):
        raise InputError(f"is not a table; accepted are {', '.join(SUFFIXES)}", where=str(path))
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    if path.suffix.lower() == ".parquet":
        return read_parquet(path)
    return _read_csv(path)


@dataclass(frozen=True)
class TableDiff:
    """What differs between two tables, row by row.

    Attributes:
        rows_old: Rows of the old table.
        rows_new: Rows of the new one.
        added: Rows whose key only the new table has.
        removed: Rows whose key only the old one has.
        changed: Rows of both in which at least one value differs.
        changed_by_column: Column of both tables to the rows in which it differs; only those above 0.
        columns_added: Columns that only the new table has.
        columns_removed: Columns that only the old one has.
        types_changed: Column to its old and its new type, where these differ.
    """

    rows_old: int
    rows_new: int
    added: int
    removed: int
    changed: int
    changed_by_column: Mapping[str, int] = field(default_factory=dict[str, int])
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    types_changed: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        schema = self.columns_added or self.columns_removed or self.types_changed
        return not (self.added or self.removed or self.changed or schema)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return asdict(self)


def diff_frames(old: pd.DataFrame, new: pd.DataFrame, key: Sequence[str]) -> TableDiff:
    """Return what differs between two tables whose rows are identified by ``key``.

    Missing values equal each other.

    Raises:
        InputError: A table lacks a key column, or holds a key twice, or key columns changed their type.
    """
    import numpy as np

    left, right = _matched(old, new, list(key))
    shared = [name for name in old.columns if name in new.columns]
    types = {name: (str(old[name].dtype), str(new[name].dtype)) for name in shared}
    differs = {
        name: _differs(old[name].take(left), new[name].take(right)) for name in shared if name not in key
    }
    counts = {name: int(mask.sum()) for name, mask in differs.items()}
    return TableDiff(
        rows_old=len(old),
        rows_new=len(new),
        added=len(new) - len(right),
        removed=len(old) - len(left),
        changed=int(np.logical_or.reduce(list(differs.values())).sum()) if differs else 0,
        changed_by_column={name: count for name, count in counts.items() if count},
        columns_added=tuple(name for name in new.columns if name not in old.columns),
        columns_removed=tuple(name for name in old.columns if name not in new.columns),
        types_changed={name: pair for name, pair in types.items() if pair[0] != pair[1]},
    )


def _to_arrow(column: pd.Series) -> pa.Array:
    import pyarrow as pa
    from pandas.api import types

    if types.is_datetime64_any_dtype(column):
        zone = None if column.dt.tz is None else "UTC"
        wall = column if zone is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return pa.array(wall.dt.as_unit("us").to_numpy()).cast(pa.timestamp("us", tz=zone))
    if types.is_bool_dtype(column) or types.is_integer_dtype(column) or types.is_float_dtype(column):
        return pa.array(column.to_numpy(), from_pandas=True)
    if types.infer_dtype(column, skipna=True) in ("string", "empty"):
        return pa.array(column.tolist(), type=pa.string(), from_pandas=True)
    raise InputError(f"cannot be stored as Parquet: {column.dtype}", where=f"column {column.name}")


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, dtype="str")
    # pandas raises ValueErrors of its own, zipfile and gzip OSErrors and others.
    except Exception as error:
        raise InputError(f"cannot be read as CSV: {error}", where=str(path)) from error


def _matched(old: pd.DataFrame, new: pd.DataFrame, key: list[str]) -> tuple[Any, Any]:
    """Return the positions of the rows that both tables have, in the same order."""
    for which, frame in (("old", old), ("new", new)):
        lacking = [name for name in key if name not in frame.columns]
        if lacking:
            raise InputError(f"the {which} table lacks the key {', '.join(lacking)}", where="diff")
        repeated = int(frame.duplicated(key).sum())
        if repeated:
            raise InputError(f"the {which} table holds {repeated} keys twice", where=", ".join(key))
    try:
        pairs = (
            old[key]
            .assign(**{"old row": range(len(old))})
            .merge(new[key].assign(**{"new row": range(len(new))}), on=key, how="inner")
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"the keys cannot be compared: {error}", where=", ".join(key)) from error
    return pairs["old row"].to_numpy(), pairs["new row"].to_numpy()


def _differs(old: pd.Series, new: pd.Series) -> Any:
    """Return for each pair of values whether they differ."""
    left, right = old.reset_index(drop=True), new.reset_index(drop=True)
    equal = (left == right).fillna(value=False) | (left.isna() & right.isna())
    return ~equal.to_numpy(dtype=bool)
