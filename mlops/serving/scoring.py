"""Predictions for a file, piece by piece: memory does not grow with the file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from mlops.runs.errors import ConfigError, InputError
from mlops.serving.request_body import typed_cell

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops.serving.service import Served

PREDICTION = "prediction"
PIECE_ROWS = 10_000

#: Column to its values, as many rows at a time as are held in memory.
Piece = dict[str, list[Any]]


class _Target(Protocol):
    def write(self, piece: Piece) -> None: ...

    def close(self) -> None: ...


def score_file(
    served: Served, source: Path, target: Path, report: Callable[[str], None], piece_rows: int = PIECE_ROWS
) -> int:
    """Write a file with every column of another one and the predictions; return the number of rows.

    The target appears whole or not at all.

    Args:
        served: The model.
        source: CSV with a heading, or Parquet, by its ending; other columns than the model's are copied.
        target: CSV or Parquet, by its ending; one that is there is replaced.
        report: Called with a line from time to time.
        piece_rows: Rows that are held in memory at a time.

    Raises:
        ConfigError: An ending is unknown, or the target cannot be written.
        InputError: The file cannot be read, lacks a column, or a row is not as the schema says.
    """
    pieces, value_of = _reader(source)
    types = {column.name: column.type for column in served.schema.columns}
    part = target.with_name(f"{target.name}.part")
    writer = _writer(target, part)
    rows = 0
    try:
        for piece in pieces(source, piece_rows):
            if PREDICTION in piece:
                raise InputError(f"has a column {PREDICTION} already", where=str(source))
            size = len(next(iter(piece.values())))
            wanted = {
                name: [value_of(value, kind) for value in piece[name]]
                for name, kind in types.items()
                if name in piece
            }
            found = _predicted(served, wanted, rows, source)
            writer.write({**piece, PREDICTION: found})
            rows += size
            report(f"{rows:,} rows scored")
        if not rows:
            raise InputError("holds no rows", where=str(source))
        writer.close()
        part.replace(target)
    finally:
        writer.close()
        part.unlink(missing_ok=True)
    return rows


def _predicted(served: Served, columns: Piece, first_row: int, source: Path) -> list[Any]:
    try:
        return served.predict(served.schema.checked(columns, first_row=first_row))
    except InputError as error:
        raise InputError(error.what, where=str(source)) from error


def _reader(source: Path) -> tuple[Callable[[Path, int], Iterator[Piece]], Callable[[Any, str], Any]]:
    """Return what reads a file in pieces, and what makes a value of a type of what it reads."""
    match source.suffix.lower():
        case ".csv":
            return _csv_pieces, typed_cell
        case ".parquet":
            return _parquet_pieces, _plain
        case _:
            raise ConfigError("is neither .csv nor .parquet", where=str(source))


def _writer(target: Path, part: Path) -> _Target:
    kinds: dict[str, Callable[[Path], _Target]] = {".csv": _CsvTarget, ".parquet": _ParquetTarget}
    if target.suffix.lower() not in kinds:
        raise ConfigError("is neither .csv nor .parquet", where=str(target))
    try:
        return kinds[target.suffix.lower()](part)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(target)) from error


def _csv_pieces(source: Path, piece_rows: int) -> Iterator[Piece]:
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            heading = next(rows, [])
            if len(set(heading)) != len(heading):
                raise InputError("names a column twice", where=str(source))
            for cells in _in_pieces((row for row in rows if row), piece_rows):
                if any(len(row) != len(heading) for row in cells):
                    raise InputError(f"has a row of other than {len(heading)} cells", where=str(source))
                yield {name: [row[at] for row in cells] for at, name in enumerate(heading)}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV: {error}", where=str(source)) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from error


def _in_pieces(rows: Iterator[list[str]], size: int) -> Iterator[list[list[str]]]:
    held: list[list[str]] = []
    for row in rows:
        held.append(row)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def _parquet_pieces(source: Path, piece_rows: int) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(source) as file:
            for batch in file.iter_batches(batch_size=piece_rows):
                yield batch.to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"is no Parquet file that can be read: {error}", where=str(source)) from error


def _plain(value: Any, _kind: str) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


class _CsvTarget:
    """A CSV file with a heading; a missing value is an empty cell."""

    def __init__(self, file: Path) -> None:
        self._file: IO[str] = file.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._begun = False

    def write(self, piece: Piece) -> None:
        if not self._begun:
            self._rows.writerow(piece)
            self._begun = True
        self._rows.writerows(zip(*piece.values(), strict=True))

    def close(self) -> None:
        self._file.close()


class _ParquetTarget:
    """A Parquet file with the types of its first piece."""

    def __init__(self, file: Path) -> None:
        file.touch()
        self._path = file
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def write(self, piece: Piece) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pa.Table.from_pydict(piece, schema=self._schema)
        except pa.ArrowException as error:
            raise InputError(f"a column changes its type between rows: {error}") from error
        if self._writer is None:
            self._schema = _with_known_types(table.schema)
            table = table.cast(self._schema)
            self._writer = pq.ParquetWriter(self._path, self._schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _with_known_types(schema: pa.Schema) -> pa.Schema:
    """Return a schema in which a column that began with missing values alone is text."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.string()) if pa.types.is_null(field.type) else field for field in schema
    ]
    return pa.schema(fields)
