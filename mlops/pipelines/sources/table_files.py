# pandas and pyarrow ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Table files: CSV, Parquet and JSON lines, packed or not, read whole or refused with one line.

Of CSV every column is text, for the pipeline's schema to convert. Unpacking is bounded, so that a small file
cannot fill the disk.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from mlops.pipelines.sources.cells import MAX_CELL_BYTES, check_cells
from mlops.runs.errors import InputError, bounded

if TYPE_CHECKING:
    import pandas as pd

#: Endings of tables, and of packed ones.
FORMATS = (".csv", ".parquet", ".jsonl", ".ndjson")
PACKED = (".gz", ".zip", ".zst")
_CHUNK = 1 << 20
#: A line of JSON with several cells at their bound.
_MAX_LINE_BYTES = 16 * MAX_CELL_BYTES


@dataclass(frozen=True)
class Reading:
    """Options of reading a table file.

    Attributes:
        encoding: Encoding of CSV and JSON lines.
        delimiter: Delimiter of CSV.
        max_bytes: Largest size after unpacking.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    max_bytes: int = 2 << 30


def endings(name: str) -> tuple[str, str]:
    """Return format and packing of a file name, e.g. ``(".csv", ".gz")``; the packing may be empty.

    Raises:
        InputError: It does not end as a table does.
    """
    path = PurePosixPath(name.lower())
    packing = path.suffix if path.suffix in PACKED else ""
    form = PurePosixPath(path.stem).suffix if packing else path.suffix
    if form not in FORMATS:
        raise InputError(
            f"is not a table; accepted are {', '.join(FORMATS)}, also packed as {', '.join(PACKED)}",
            where=name,
        )
    return form, packing


def read_table(file: IO[bytes], name: str, reading: Reading | None = None) -> pd.DataFrame:
    """Return the rows of a table file.

    Args:
        file: Its bytes, seekable.
        name: Its name, whose ending says what it is, and which errors name.
        reading: Options.

    Raises:
        InputError: It is no table, damaged, too large, of another encoding, or has no rows.
    """
    how = reading or Reading()
    form, packing = endings(name)
    readers: dict[str, Callable[[IO[bytes], str, Reading], pd.DataFrame]] = {
        ".csv": _csv,
        ".parquet": _parquet,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
    }
    try:
        with _unpacked(file, name, packing, how.max_bytes) as plain:
            return check_cells(readers[form](plain, name, how), name)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not {how.encoding}: {error.reason}", where=name, todo="set its encoding"
        ) from None
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile, LookupError) as error:
        kind = {".csv": "CSV", ".parquet": "Parquet"}.get(form, "JSON lines")
        raise InputError(f"cannot be read as {kind}: {bounded(str(error), 200)}", where=name) from None


@contextmanager
def _unpacked(file: IO[bytes], name: str, packing: str, max_bytes: int) -> Iterator[IO[bytes]]:
    if not packing:
        yield file
        return
    with tempfile.TemporaryFile() as plain, _opened(file, name, packing) as packed:
        copy_bounded(packed, plain, name, max_bytes)
        plain.seek(0)
        yield plain


def copy_bounded(
    source: Any, target: IO[bytes], name: str, max_bytes: int, seen: Callable[[bytes], None] | None = None
) -> int:
    """Copy everything from one file to another; return its size.

    Args:
        source: A file that is read.
        target: A file that is written.
        name: Name for the error.
        max_bytes: Most that is copied.
        seen: Called with each piece.

    Raises:
        InputError: There is more.
    """
    size = 0
    while piece := source.read(_CHUNK):
        size += len(piece)
        if size > max_bytes:
            raise InputError(
                f"holds more than {max_bytes / (1 << 20):g} MB", where=name, todo="raise max_size_mb"
            )
        if seen is not None:
            seen(piece)
        target.write(piece)
    return size


@contextmanager
def _opened(file: IO[bytes], name: str, packing: str) -> Iterator[Any]:
    if packing == ".gz":
        with gzip.GzipFile(fileobj=file) as packed:
            yield packed
    elif packing == ".zst":
        import pyarrow as pa

        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as packed:
            yield packed
    else:
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if len(members) != 1:
                raise InputError(f"must hold one file, and holds {len(members)}", where=name)
            if members[0].flag_bits & 1:
                raise InputError("is encrypted", where=name)
            with archive.open(members[0]) as packed:
                yield packed


def _csv(file: IO[bytes], _name: str, how: Reading) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(file, dtype="str", encoding=how.encoding, sep=how.delimiter)


def _parquet(file: IO[bytes], _name: str, _how: Reading) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        return parquet.read().to_pandas()


def _json_lines(file: IO[bytes], name: str, how: Reading) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    number = 0
    while line := file.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > _MAX_LINE_BYTES:
            raise InputError(f"line {number} holds more than {_MAX_LINE_BYTES:,} bytes", where=name)
        text = line.decode(how.encoding).strip()
        if text:
            rows.append(_object(text, f"{name} line {number}"))
    return pd.DataFrame.from_records(rows)


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {bounded(str(error), 100)}", where=where) from None
    if not isinstance(value, dict):
        raise InputError("a line must be a JSON object", where=where)
    nested = [name for name, cell in value.items() if isinstance(cell, (dict, list))]
    if nested:
        raise InputError(f"{nested[0]} is nested; a cell is a text, a number or true or false", where=where)
    return value


def read_local(path: Path, reading: Reading | None = None) -> pd.DataFrame:
    """Return the rows of a file on this machine.

    Raises:
        InputError: It is missing, unreadable or no table.
    """
    endings(str(path))
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    with file:
        return read_table(file, str(path), reading)
