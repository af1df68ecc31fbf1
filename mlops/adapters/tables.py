# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Tables as Parquet: equal frames give equal bytes, and two tables are compared by row key."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops.table_diff.comparison import Comparison, TableDiff


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
    frame = read_arrow(source, where=where, columns=columns).to_pandas()
    return frame if columns is None else frame[list(columns)]


def read_arrow(
    source: bytes | IO[bytes] | Path, *, where: str = "", columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the rows of a Parquet file as an Arrow table; see `read_parquet`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pa.BufferReader(source) if isinstance(source, bytes) else source
    place = where or (str(source) if isinstance(source, Path) else "table")
    try:
        with pq.ParquetFile(file) as parquet:
            lacking = [name for name in columns or () if name not in parquet.schema_arrow.names]
            if lacking:
                raise InputError(f"has no column {', '.join(lacking)}", where=place)
            return parquet.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet: {error}", where=place) from error


def diff_frames(old: pd.DataFrame, new: pd.DataFrame, key: Sequence[str]) -> TableDiff:
    """Return what differs between two tables whose rows are identified by ``key``.

    Raises:
        InputError: A table lacks a key column, or holds a key twice, or key columns changed their type.
    """
    import pyarrow as pa

    tables = (pa.Table.from_pandas(frame, preserve_index=False) for frame in (old, new))
    return compare_tables(*tables, key).diff


def compare_tables(old: pa.Table, new: pa.Table, key: Sequence[str]) -> Comparison:
    """Compare two tables by ``key``, or as `mlops.table_diff` matches rows where it is empty.

    Raises:
        InputError: A table lacks a key column, or holds a key twice, or key columns changed their type.
    """
    from mlops.table_diff.comparison import NotComparable, compare

    try:
        return compare(old, new, key)
    except NotComparable as error:
        raise InputError(str(error), where=error.where) from error


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
