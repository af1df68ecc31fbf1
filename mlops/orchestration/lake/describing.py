"""Metadata of values for Dagster's pages, under Dagster's own names where it has one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from mlops.orchestration.lake.values import Loaded, Stored

_MAX_CELL_CHARS = 60
_MAX_PREVIEW_COLUMNS = 20
_MAX_TEXT_CHARS = 500

Metadata = dict[str, Any]


def of_file(stored: Stored) -> Metadata:
    """Return where a value lies, and size and checksum of it."""
    found: Metadata = {
        "dagster/uri": stored.uri,
        "size_bytes": stored.size_bytes,
        "checksum": stored.checksum,
    }
    if not stored.commit:
        return found | {"link": dg.MetadataValue.path(stored.link)}
    link = dg.MetadataValue.url(stored.link)
    return found | {"link": link, "commit": stored.commit, "branch": stored.branch}


def of_input(loaded: Loaded) -> Metadata:
    """Return where a value was read."""
    found: Metadata = {"dagster/uri": loaded.uri, "size_bytes": len(loaded.content)}
    return found | {"commit": loaded.commit} if loaded.commit else found


def of_value(value: Any, preview_rows: int) -> Metadata:
    """Return rows, schema and preview of a table, shape and type of an array, a part of other values.

    Args:
        value: The value.
        preview_rows: Rows to show of a table; with 0 nothing of any value's content is shown.
    """
    for kind, describe in (("pandas", _pandas), ("pyarrow", _arrow), ("polars", _polars)):
        module = sys.modules.get(kind)
        table = getattr(module, "DataFrame", None) or getattr(module, "Table", None)
        if table is not None and isinstance(value, table):
            return describe(value, preview_rows)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return {"shape": str(tuple(value.shape)), "dtype": str(value.dtype)}
    if isinstance(value, str):
        return _shown(value, preview_rows) | {"characters": len(value)}
    return _plain(value, preview_rows)


def _pandas(frame: Any, preview_rows: int) -> Metadata:
    head = frame.head(preview_rows)
    rows = head.itertuples(index=False, name=None)
    return _table(len(frame), [(str(name), str(kind)) for name, kind in frame.dtypes.items()], rows)


def _arrow(table: Any, preview_rows: int) -> Metadata:
    rows = (tuple(row.values()) for row in table.slice(0, preview_rows).to_pylist())
    return _table(table.num_rows, [(field.name, str(field.type)) for field in table.schema], rows)


def _polars(frame: Any, preview_rows: int) -> Metadata:
    schema = [(name, str(kind)) for name, kind in frame.schema.items()]
    return _table(frame.height, schema, frame.head(preview_rows).iter_rows())


def _table(count: int, schema: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Metadata:
    columns = [dg.TableColumn(name, kind) for name, kind in schema]
    found: Metadata = {
        "dagster/row_count": count,
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }
    if shown := list(rows):
        found["preview"] = dg.MetadataValue.md(_markdown([name for name, _ in schema], shown))
    return found


def _markdown(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    width = min(len(names), _MAX_PREVIEW_COLUMNS)
    lines = [names[:width], ["---"] * width, *(row[:width] for row in rows)]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = str(value)
    if len(text) > _MAX_CELL_CHARS:
        text = text[: _MAX_CELL_CHARS - 1] + "…"
    # Cells are data: nothing in them may end a cell, a line, or be markup.
    for special, plain in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("`", "&#96;"), ("[", "&#91;")):
        text = text.replace(special, plain)
    return " ".join(text.split())


def _plain(value: Any, preview_rows: int) -> Metadata:
    found: Metadata = {"type": f"{type(value).__module__}.{type(value).__qualname__}"}
    if isinstance(value, (dict, list)):
        found["items"] = len(value)
        found |= _shown(str(value), preview_rows)
    return found


def _shown(text: str, preview_rows: int) -> Metadata:
    return {"preview": dg.MetadataValue.text(text[:_MAX_TEXT_CHARS])} if preview_rows else {}
