"""Previews of objects: their content is never executed, and large ones are shown in part."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops.lakeserver import json_text
from mlops.lakeserver.operations import objects
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.pages import markdown
from mlops.lakeserver.pages.markdown import Place
from mlops.lakeserver.pages.markup import Markup, Part, tag, wide
from mlops.lakeserver.trees.entries import Entry

if TYPE_CHECKING:
    import pyarrow

TEXT_BYTES = 256 * 1024
TABLE_BYTES = 16 << 20
ROW_GROUP_BYTES = 128 << 20
_ROWS = 50
_COLUMNS = 40
_CELL_CHARS = 200
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "bmp", "webp"})


Show = Callable[[BinaryIO, Entry, Place], Part]


class NotShown(Exception):
    """The object cannot be shown; the message says why."""


def preview(lake: Lake, entry: Entry, place: Place) -> Part:
    """Return the object's contents as HTML."""
    ending = place.path.rpartition(".")[2].lower()
    if ending in _IMAGES:
        return tag("p", tag("img", src=place.raw(place.path), alt=place.path))
    show = _SHOWN.get(ending, _text)
    try:
        data = objects.open_bytes(lake, entry)
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        with file:
            return show(file, entry, place)
    except NotShown as reason:
        return tag("p", str(reason), class_="quiet")


def _all_of(file: BinaryIO, entry: Entry, limit: int) -> bytes:
    if entry.size_bytes > limit:
        raise NotShown("It is too large to be shown here.")
    return file.read()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotShown("It is not text.") from None


def _text(file: BinaryIO, entry: Entry, _: Place) -> Part:
    return _verbatim(_decoded(_all_of(file, entry, TEXT_BYTES)))


def _verbatim(text: str) -> Markup:
    return tag("pre", text, tabindex="0", role="region", aria_label="Contents")


def _json(file: BinaryIO, entry: Entry, _: Place) -> Part:
    text = _decoded(_all_of(file, entry, TEXT_BYTES))
    try:
        text = json.dumps(json_text.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return [tag("p", "It is not valid JSON.", class_="error"), _verbatim(text)]
    return _verbatim(text)


def _markdown(file: BinaryIO, entry: Entry, place: Place) -> Part:
    return markdown.render(_decoded(_all_of(file, entry, TEXT_BYTES)), place)


def _delimited(delimiter: str) -> Show:
    def show(file: BinaryIO, entry: Entry, _: Place) -> Part:
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
    body = [tag("tr", [tag("td", cell[:_CELL_CHARS]) for cell in line[:_COLUMNS]]) for line in lines]
    if not lines:
        raise NotShown("It is empty.")
    said = tag("p", "Its lines do not all have the same columns.", class_="error")
    return [said, wide(tag("table", tag("tbody", body)), "Contents")]


def _parquet(file: BinaryIO, _: Entry, __: Place) -> Part:
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
    """Return a table with its columns' types, its number of rows and its first rows."""
    names = schema.names[:_COLUMNS]
    head = tag(
        "tr",
        [
            tag(
                "th",
                name,
                tag("br"),
                tag("small", str(schema.types[index])[:60], class_="quiet"),
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
    grid = tag("table", tag("thead", head), tag("tbody", body))
    return [tag("p", counted + shown, class_="quiet"), wide(grid, "Contents")]


def _cell(value: Any) -> Part:
    if value is None:
        return tag("span", "null", class_="quiet")
    text = str(value)
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"


_SHOWN: dict[str, Show] = {
    "json": _json,
    "md": _markdown,
    "markdown": _markdown,
    "csv": _delimited(","),
    "tsv": _delimited("\t"),
    "parquet": _parquet,
}
