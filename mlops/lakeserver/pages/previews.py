"""What an object holds, as far as it can be shown: never run, never all of a large one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops.lakeserver.entries import Entry
from mlops.lakeserver.operations import objects
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.pages.markup import Markup, Part, table, tag

if TYPE_CHECKING:
    import pyarrow

TEXT_BYTES = 256 * 1024
TABLE_BYTES = 16 << 20
ROW_GROUP_BYTES = 128 << 20
_ROWS = 50
_COLUMNS = 40
_CELL_CHARS = 200
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "bmp", "webp"})


class NotShown(Exception):
    """The object cannot be shown; the message says why."""


def preview(lake: Lake, entry: Entry, path: str, raw: str) -> Part:
    """The object's contents as HTML; `raw` is the address of its bytes."""
    ending = path.rpartition(".")[2].lower()
    if ending in _IMAGES:
        return tag("p", tag("img", src=raw, alt=path))
    show = _SHOWN.get(ending, _text)
    try:
        data = objects.open_bytes(lake, entry)
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        with file:
            return show(file, entry)
    except NotShown as reason:
        return tag("p", str(reason), class_="muted")


def _all_of(file: BinaryIO, entry: Entry, limit: int) -> bytes:
    if entry.size_bytes > limit:
        raise NotShown("It is too large to be shown here.")
    return file.read()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotShown("It is not text.") from None


def _text(file: BinaryIO, entry: Entry) -> Part:
    return tag("pre", _decoded(_all_of(file, entry, TEXT_BYTES)), tabindex="0")


def _json(file: BinaryIO, entry: Entry) -> Part:
    text = _decoded(_all_of(file, entry, TEXT_BYTES))
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return [tag("p", "It is not valid JSON.", class_="error"), tag("pre", text, tabindex="0")]
    return tag("pre", text, tabindex="0")


def _markdown(file: BinaryIO, entry: Entry) -> Part:
    from markdown_it import MarkdownIt

    # Without HTML of its own, and links only to where a link may lead.
    text = MarkdownIt("js-default", {"html": False, "linkify": False}).render(
        _decoded(_all_of(file, entry, TEXT_BYTES))
    )
    return tag("article", Markup(text), class_="markdown")


def _delimited(delimiter: str) -> Callable[[BinaryIO, Entry], Part]:
    def show(file: BinaryIO, entry: Entry) -> Part:
        import pyarrow
        from pyarrow import csv as arrow_csv

        data = _all_of(file, entry, TABLE_BYTES)
        try:
            found = arrow_csv.read_csv(
                pyarrow.BufferReader(data),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            )
        except pyarrow.ArrowException:
            return _ragged(data, delimiter)
        return _columns(found.schema, found.num_rows, found.slice(0, _ROWS).to_pylist())

    return show


def _ragged(data: bytes, delimiter: str) -> Part:
    """Lines as they are, where they do not make a table."""
    lines = list(csv.reader(io.StringIO(_decoded(data[:TEXT_BYTES])), delimiter=delimiter))[: _ROWS + 1]
    rows: list[list[Part]] = [[cell[:_CELL_CHARS] for cell in line[:_COLUMNS]] for line in lines]
    return [tag("p", "Its lines do not all have the same columns.", class_="error"), table([], rows)]


def _parquet(file: BinaryIO, _: Entry) -> Part:
    import pyarrow
    from pyarrow import parquet

    try:
        found = parquet.ParquetFile(file)
        rows: list[dict[str, Any]] = []
        if found.num_row_groups and found.metadata.row_group(0).total_byte_size <= ROW_GROUP_BYTES:
            batches = found.iter_batches(_ROWS, row_groups=[0], columns=found.schema_arrow.names[:_COLUMNS])
            rows = next(batches).to_pylist() if found.metadata.row_group(0).num_rows else []
        return _columns(found.schema_arrow, found.metadata.num_rows, rows)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise NotShown(f"It cannot be read as Parquet: {str(error)[:_CELL_CHARS]}") from None


def _columns(schema: pyarrow.Schema, row_count: int, rows: list[dict[str, Any]]) -> Part:
    """A table with its columns' types, its number of rows and its first rows."""
    names = schema.names[:_COLUMNS]
    head = tag(
        "tr",
        [
            tag(
                "th",
                name,
                tag("br"),
                tag("small", str(schema.types[index])[:60], class_="muted"),
                scope="col",
            )
            for index, name in enumerate(names)
        ],
    )
    body = [tag("tr", [tag("td", _cell(row.get(name))) for name in names]) for row in rows]
    counted = f"{row_count:,} rows, {len(schema.names):,} columns"
    shown = f"; the first {len(rows)} rows" if len(rows) < row_count else ""
    if len(names) < len(schema.names):
        shown += f"; the first {len(names)} columns"
    return [
        tag("p", counted + shown, class_="muted"),
        tag(
            "div",
            tag("table", tag("thead", head), tag("tbody", body), class_="data"),
            class_="wide",
            tabindex="0",
            role="region",
            aria_label="Contents",
        ),
    ]


def _cell(value: Any) -> Part:
    if value is None:
        return tag("span", "null", class_="muted")
    text = str(value)
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"


_SHOWN: dict[str, Callable[[BinaryIO, Entry], Part]] = {
    "json": _json,
    "md": _markdown,
    "markdown": _markdown,
    "csv": _delimited(","),
    "tsv": _delimited("\t"),
    "parquet": _parquet,
}
