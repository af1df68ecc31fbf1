"""Arrivals from files, one pattern per table: the arrival's name is a part of the path."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mlops.pipelines.sources import checksums
from mlops.pipelines.sources.file_access import FileAccess
from mlops.pipelines.sources.redaction import redacted
from mlops.pipelines.sources.source import Extracted, Origin
from mlops.pipelines.sources.table_files import Reading, endings, read_table
from mlops.pipelines.sources.waiting import with_retries
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pandas as pd

ARRIVAL = "{arrival}"


@dataclass(frozen=True)
class FileSource:
    """A source of one file per table and arrival.

    Attributes:
        tables: Table to the pattern of its file, with ``{arrival}`` in it; a table without is delivered whole
            with every arrival.
        parse: Returns a frame of a table with canonical dtypes; raises `InputError` on a wrong schema.
        select: Returns the rows of a parsed file that belong to an arrival, from arrival, table and frame.
        folder: Folder or address that patterns are relative to.
        declared: Arrivals that there are; empty where files are listed.
        sha256: Path, as the pattern gives it, to the SHA-256 that the file must have.
        sums: Pattern of a file in the format of ``sha256sum`` that lists every file; empty: none.
        reading: Options of reading tables.
        access: Access to files.
    """

    tables: Mapping[str, str]
    parse: Callable[[str, pd.DataFrame], pd.DataFrame]
    select: Callable[[str, str, pd.DataFrame], pd.DataFrame] = lambda _arrival, _table, frame: frame
    folder: str = ""
    declared: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict[str, str])
    sums: str = ""
    reading: Reading = field(default_factory=Reading)
    access: FileAccess = field(default_factory=FileAccess)

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a pattern cannot be one."""
        for table, pattern in self.tables.items():
            try:
                endings(pattern)
            except InputError as error:
                raise ConfigError(error.what, where=f"table {table}: {redacted(pattern)}") from None
        if not self.declared and not any(ARRIVAL in pattern for pattern in self.tables.values()):
            raise ConfigError(
                f"no pattern holds {ARRIVAL}, and no arrivals are declared",
                where="tables",
                todo=f"write e.g. data/{ARRIVAL}/sales.csv",
            )

    def arrivals(self) -> tuple[str, ...]:
        """Return the declared arrivals, or those of which there is a file, ascending."""
        if self.declared:
            return self.declared
        found = {
            name for pattern in self.tables.values() if ARRIVAL in pattern for name in self._listed(pattern)
        }
        return tuple(sorted(found))

    def extract(self, arrival: str) -> Extracted:
        """Return the tables of an arrival; every file is read whole and checked before any is returned.

        Raises:
            InputError: A file is missing, damaged, not the one declared, or has another schema.
            SourceUnavailable: A server gives no answer.
        """
        names.check_arrival(arrival)
        deadline_s = time.monotonic() + self.access.timeout_s
        return with_retries(lambda: self._extracted(arrival), deadline_s)

    def _extracted(self, arrival: str) -> Extracted:
        sums = self._sums(arrival)
        tables: dict[str, pd.DataFrame] = {}
        origins: dict[str, Origin] = {}
        for table, pattern in self.tables.items():
            path = pattern.replace(ARRIVAL, arrival)
            address = self._address(path)
            with self.access.fetched(address) as got:
                wanted = self.sha256.get(path) or self._listed_sha256(sums, path, arrival)
                if wanted:
                    checksums.check(got.sha256, wanted, redacted(address))
                frame = read_table(got.file, redacted(address), self.reading)
            tables[table] = self.select(arrival, table, self.parse(table, frame))
            origins[table] = Origin("file", redacted(address), sha256=got.sha256, size_bytes=got.size_bytes)
        return Extracted(tables, origins)

    def _sums(self, arrival: str) -> Mapping[str, str] | None:
        if not self.sums:
            return None
        address = self._address(self.sums.replace(ARRIVAL, arrival))
        with self.access.fetched(address) as got:
            return checksums.parse_sums(got.file.read(), redacted(address))

    def _listed_sha256(self, sums: Mapping[str, str] | None, path: str, arrival: str) -> str:
        if sums is None:
            return ""
        folder = self.sums.replace(ARRIVAL, arrival).rpartition("/")[0]
        name = path.removeprefix(f"{folder}/") if folder else path
        if name not in sums:
            raise InputError(
                f"is not listed in {redacted(self._address(self.sums.replace(ARRIVAL, arrival)))}",
                where=redacted(self._address(path)),
                todo="add its line, as sha256sum writes it",
            )
        return sums[name]

    def _address(self, path: str) -> str:
        if not self.folder or "://" in path or PurePosixPath(path).is_absolute():
            return path
        return f"{self.folder.rstrip('/')}/{path}"

    def _listed(self, pattern: str) -> Iterator[str]:
        """Yield the arrivals for which the file of a pattern exists."""
        before, _, after = self._address(pattern).partition(ARRIVAL)
        folder, _, prefix = before.rpartition("/")
        # A name may hold the arrival twice, as in 2024-01-sales-2024-01.csv: both must be the same.
        rest = re.escape(after.partition("/")[0]).replace(re.escape(ARRIVAL), r"\1")
        form = re.compile(f"{re.escape(prefix)}(.+){rest}")
        whole_name = "/" not in after
        for name in self.access.names_in(folder or ("/" if before.startswith("/") else ".")):
            match = form.fullmatch(name)
            if match is None or not _can_be(match[1]):
                continue
            if whole_name or self.access.exists(self._address(pattern.replace(ARRIVAL, match[1]))):
                yield match[1]


def _can_be(arrival: str) -> bool:
    """Return whether a name found in a folder can name an arrival; other files may lie there too."""
    try:
        names.check_arrival(arrival)
    except InputError:
        return False
    return True
