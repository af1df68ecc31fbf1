"""Differences between two versions of a Parquet table: rows and columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.operations import objects
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.trees.entries import decode
from mlops.lakeserver.trees.nodes import Item
from mlops.table_diff import WHOLE_ROWS
from mlops.table_diff.comparison import compare

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
    """The differences between two versions of a table.

    Attributes:
        summary: rows and columns that were added, removed and changed, in words.
        columns: the names over `rows`, the columns that both versions have; at most so many fit a page.
        rows: 'removed', 'changed from', 'changed to' or 'added', and a row's values; the first of each kind.
        changed_rows: how many there are in all.
    """

    summary: list[str]
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    changed_rows: int


def difference(lake: Lake, left: Item, right: Item) -> Difference | None:
    """Return the differences of a table from its old version; None where they cannot be computed.

    Rows are matched as `mlops.table_diff` matches them without being told a key.
    """
    import pyarrow

    old, new = _read(lake, left), _read(lake, right)
    if old is None or new is None:
        return None
    common = [name for name in old.column_names if name in new.column_names]
    if common and max(old.num_rows, new.num_rows) <= MAX_ROWS:
        # A value that Python cannot hold, such as a time in the year 20000, keeps rows from being shown.
        with suppress(pyarrow.ArrowException, ValueError, OverflowError):
            return _compared(old, new, common[:_COLUMNS])
    return Difference([_rows(old, new), *_columns(old.schema, new.schema, ())], [], [], 0)


def _rows(old: pyarrow.Table, new: pyarrow.Table) -> str:
    return f"{old.num_rows:,} → {new.num_rows:,} rows"


def _compared(old: pyarrow.Table, new: pyarrow.Table, shown: list[str]) -> Difference:
    found = compare(old, new)
    counts = found.diff
    changed = f", {counts.changed:,} changed" if found.key else ""
    summary = [
        _rows(old, new),
        f"{counts.added:,} added, {counts.removed:,} removed{changed}",
        *_columns(old.schema, new.schema, found.columns_with_other_values),
    ]
    rows = [
        *_first("removed", old, found.removed, shown),
        *chain.from_iterable(
            zip(
                _first("changed from", old, found.changed_from, shown),
                _first("changed to", new, found.changed_to, shown),
                strict=True,
            )
        ),
        *_first("added", new, found.added, shown),
    ]
    total = counts.added + counts.removed + 2 * counts.changed
    if total:
        summary.append(f"rows are matched by {', '.join(found.key)}" if found.key else WHOLE_ROWS)
    return Difference(summary, shown, rows, total)


def _first(
    kind: str, table: pyarrow.Table, positions: pyarrow.Array, names: list[str]
) -> list[tuple[str, list[str]]]:
    rows = table.select(names).take(positions.slice(0, _ROWS))
    columns = [[_cell(value) for value in column.to_pylist()] for column in rows.columns]
    return [(kind, list(cells)) for cells in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"


def _columns(old: pyarrow.Schema, new: pyarrow.Schema, changed: Sequence[str]) -> list[str]:
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
