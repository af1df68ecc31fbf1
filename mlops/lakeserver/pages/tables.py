"""How two versions of a Parquet table differ, in one line."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

from mlops.lakeserver.entries import decode
from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.nodes import Item
from mlops.lakeserver.operations import objects
from mlops.lakeserver.operations.lake import Lake

if TYPE_CHECKING:
    import pyarrow

MAX_BYTES = 16 << 20
MAX_ROWS = 100_000
_NAMES = 8


def difference(lake: Lake, left: Item, right: Item) -> str:
    """Rows and columns that were added and removed; '' where it cannot be told.

    Rows are compared as a whole by the columns that both have: a changed row counts as removed and added.
    """
    old, new = _read(lake, left), _read(lake, right)
    if old is None or new is None:
        return ""
    parts = [f"{old.num_rows:,} → {new.num_rows:,} rows"]
    common = [name for name in old.column_names if name in new.column_names]
    if common and max(old.num_rows, new.num_rows) <= MAX_ROWS:
        before, after = _rows(old, common), _rows(new, common)
        parts.append(f"{(after - before).total():,} added, {(before - after).total():,} removed")
    parts += _columns(old.schema, new.schema)
    return "; ".join(parts)


def _columns(old: pyarrow.Schema, new: pyarrow.Schema) -> list[str]:
    added = [name for name in new.names if name not in old.names]
    removed = [name for name in old.names if name not in new.names]
    retyped = [
        f"{name} ({old.field(name).type} → {new.field(name).type})"
        for name in old.names
        if name in new.names and old.field(name).type != new.field(name).type
    ]
    return [
        f"columns {word}: {', '.join(names[:_NAMES])}{'…' if len(names) > _NAMES else ''}"
        for word, names in (("added", added), ("removed", removed), ("retyped", retyped))
        if names
    ]


def _read(lake: Lake, item: Item) -> pyarrow.Table | None:
    import pyarrow
    from pyarrow import parquet

    entry = decode(item.value)
    if entry.size_bytes > MAX_BYTES:
        return None
    try:
        data = objects.open_bytes(lake, entry)
        with io.BytesIO(data) if isinstance(data, bytes) else data as file:
            found = parquet.ParquetFile(file)
            size = sum(
                found.metadata.row_group(at).total_byte_size for at in range(found.metadata.num_row_groups)
            )
            names = found.schema_arrow.names
            if size > 8 * MAX_BYTES or len(set(names)) < len(names):
                return None
            return found.read()
    except (LakeError, pyarrow.ArrowException, OSError, ValueError):
        return None


def _rows(table: pyarrow.Table, names: list[str]) -> Counter[Any]:
    columns = [_hashable(table.column(name).to_pylist()) for name in names]
    return Counter(zip(*columns, strict=True))


def _hashable(values: list[Any]) -> list[Any]:
    nested = next((value for value in values if value is not None), None)
    # Not a number is not equal to itself.
    return [repr(value) for value in values] if isinstance(nested, list | dict | float) else values
