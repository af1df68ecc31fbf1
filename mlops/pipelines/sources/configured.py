"""The source that a pipeline's settings describe: files, a database, or the pipeline's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mlops.pipelines.sources import options as settings
from mlops.pipelines.sources.checksums import checked_sha256
from mlops.pipelines.sources.database import Database, SqlDatabase
from mlops.pipelines.sources.duckdb_file import DuckDBFile
from mlops.pipelines.sources.file_access import FileAccess
from mlops.pipelines.sources.files import FileSource
from mlops.pipelines.sources.periods import declared
from mlops.pipelines.sources.redaction import redacted
from mlops.pipelines.sources.source import Options, Source
from mlops.pipelines.sources.sql import SqlSource
from mlops.pipelines.sources.table_files import Reading
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec

Parse = Callable[[str, "pd.DataFrame"], "pd.DataFrame"]
#: Scheme to further arguments for fsspec.
Storage = Mapping[str, Mapping[str, Any]]


def open_source(spec: PipelineSpec, options: Options, storage: Storage | None = None) -> Source:
    """Return the source of a pipeline; nothing is read yet.

    Args:
        spec: The pipeline; its own source is opened where the options name no kind.
        options: Settings of the source.
        storage: Scheme to further arguments for fsspec, e.g. address and key of the lake for ``lakefs``.

    Raises:
        ConfigError: A setting is unknown, missing or wrong, or a library is not installed.
    """
    settings.checked(options, f"source of {spec.name}")
    kind = settings.text(options, "kind")
    if kind == "files":
        return dataclasses.replace(file_source(options, spec.tables, spec.parse, storage), select=spec.select)
    if kind == "sql":
        return sql_source(options, spec.tables, spec.parse)
    if kind:
        raise ConfigError("must be files or sql", where=f"source of {spec.name}: kind")
    return spec.source(options)


def file_source(
    options: Options, tables: tuple[str, ...], parse: Parse, storage: Storage | None = None
) -> FileSource:
    """Return a source of files as options describe it.

    Raises:
        ConfigError: A table has no pattern, or a setting is wrong.
    """
    max_bytes = int(settings.number(options, "max_size_mb") * (1 << 20))
    access = FileAccess(
        max_bytes=max_bytes,
        timeout_s=settings.number(options, "timeout_s"),
        user=settings.text(options, "user"),
        password=settings.text(options, "password"),
        storage=storage or {},
    )
    encoding, delimiter = settings.text(options, "encoding"), settings.text(options, "delimiter")
    _check_encoding(encoding)
    if len(delimiter) != 1:
        raise ConfigError("must be one character", where="delimiter")
    return FileSource(
        tables=_each(options, "tables", tables, "its pattern"),
        parse=parse,
        folder=settings.text(options, "folder"),
        declared=declared(options.get("arrivals") or ()),
        sha256=checked_sha256(settings.table(options, "sha256")),
        sums=settings.text(options, "checksums"),
        reading=Reading(encoding, delimiter, max_bytes),
        access=access,
    )


def sql_source(options: Options, tables: tuple[str, ...], parse: Parse) -> SqlSource:
    """Return a source of queries as options describe it.

    Raises:
        ConfigError: A table has no query, the address is missing or wrong, or the driver is not installed.
    """
    return SqlSource(
        database=database_of(options),
        queries=_each(options, "queries", tables, "its query"),
        parse=parse,
        declared=declared(options.get("arrivals") or ()),
        arrivals_query=settings.text(options, "arrivals_query"),
        timeout_s=settings.number(options, "timeout_s"),
    )


def database_of(options: Options) -> Database:
    """Return the database that options name; no connection is opened yet.

    Raises:
        ConfigError: The address is missing or wrong, or its driver is not installed.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    address = settings.text(options, "url")
    if not address:
        raise ConfigError("names no database", where="url", todo="write e.g. postgresql+psycopg2://host/name")
    if address.startswith("duckdb:///"):
        return DuckDBFile(address.removeprefix("duckdb:///"))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise ConfigError("not an address of a database", where=redacted(address)) from None
    if url.drivername in {"postgres", "postgresql"}:
        # Without a driver SQLAlchemy takes psycopg 3; the one that the extra installs is psycopg2.
        url = url.set(drivername="postgresql+psycopg2")
    user, password = settings.text(options, "user"), settings.text(options, "password")
    return SqlDatabase(url.set(username=user or url.username, password=password or url.password))


def _each(options: Options, name: str, tables: tuple[str, ...], what: str) -> Mapping[str, str]:
    """Return a table of settings that has an entry for every table of the pipeline, in their order."""
    given = settings.table(options, name)
    for table in [*tables, *given]:
        if table not in given:
            raise ConfigError(f"does not name {what}", where=f"{name}: {table}")
        if table not in tables:
            raise ConfigError(f"no such table; there are {', '.join(tables)}", where=f"{name}: {table}")
    return {table: given[table] for table in tables}


def _check_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        raise ConfigError("no such encoding", where=f"encoding: {encoding}") from None
