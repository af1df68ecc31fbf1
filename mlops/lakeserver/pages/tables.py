"""How two versions of a Parquet table differ: rows and columns."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.operations import objects
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.trees.entries import decode
from mlops.lakeserver.trees.nodes import Item

if TYPE_CHECKING:
    import pyarrow

MAX_BYTES = 16 << 20
MAX_ROWS = 100_000
_NAMES = 8
_ROWS = 10
_COLUMNS = 12
_CELL_CHARS = 60


@dataclass(frozen=True)
class Difference:
    """How two versions of a table differ.

    Attributes:
        summary: rows and columns that were added, removed and changed, in words.
        columns: the names over `rows`, the columns that both versions have; at most so many fit a page.
        rows: 'removed' or 'added', and the row's values; the first of each kind.
        changed_rows: how many there are in all.
    """

    summary: list[str]
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    changed_rows: int


def difference(lake: Lake, left: Item, right: Item) -> Difference | None:
    """How a table differs from what it was; None where it cannot be told.

    Rows are compared as a whole by the columns that both have: a changed row counts as removed and added.
    Of tables of one length, the columns that do not hold the same values as often are named too.
    """
    old, new = _read(lake, left), _read(lake, right)
    if old is None or new is None:
        return None
    summary = [f"{old.num_rows:,} → {new.num_rows:,} rows"]
    common = [name for name in old.column_names if name in new.column_names]
    shown: list[tuple[str, list[str]]] = []
    total = 0
    changed: list[str] = []
    if common and max(old.num_rows, new.num_rows) <= MAX_ROWS:
        before, after = _rows(old, common), _rows(new, common)
        added, removed = after - before, before - after
        total = added.total() + removed.total()
        summary.append(f"{added.total():,} added, {removed.total():,} removed")
        shown = [*_first("removed", removed), *_first("added", added)]
        changed = (
            [name for name in common if _rows(old, [name]) != _rows(new, [name])]
            if total and old.num_rows == new.num_rows
            else []
        )
    summary += _columns(old.schema, new.schema, changed)
    return Difference(summary, common[:_COLUMNS], shown, total)


def _first(kind: str, rows: Counter[Any]) -> list[tuple[str, list[str]]]:
    return [(kind, [_cell(value) for value in row[:_COLUMNS]]) for row in islice(rows.elements(), _ROWS)]


def _cell(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"


def _columns(old: pyarrow.Schema, new: pyarrow.Schema, changed: list[str]) -> list[str]:
    added = [name for name in new.names if name not in old.names]
    removed = [name for name in old.names if name not in new.names]
    retyped = [
        f"{name} ({old.field(name).type} → {new.field(name).type})"
        for name in old.names
        if name in new.names and old.field(name).type != new.field(name).type
    ]
    return [
        f"columns {word}: {', '.join(names[:_NAMES])}{'…' if len(names) > _NAMES else ''}"
        for word, names in (
            ("added", added),
            ("removed", removed),
            ("retyped", retyped),
            ("with other values", changed),
        )
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
