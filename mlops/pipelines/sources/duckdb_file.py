# DuckDB's types are not there where it is not installed.
# pyright: reportMissingImports=false

"""DuckDB files: read-only, without extensions from elsewhere. DuckDB is an optional extra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.pipelines.sources import database_errors
from mlops.pipelines.sources.database import Bound, Run
from mlops.pipelines.sources.redaction import scrubbed
from mlops.pipelines.sources.waiting import Watchdog
from mlops.runs.errors import ConfigError, InputError, MlopsError, SourceUnavailable

if TYPE_CHECKING:
    import pandas as pd

#: Queries read the file that is named, and nothing else on this machine or the network.
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
}
_FETCHED_ROWS = 20_000


class DuckDBFile:
    """A DuckDB database in a file.

    Args:
        path: The file.

    Raises:
        ConfigError: DuckDB is not installed.
    """

    def __init__(self, path: str) -> None:
        try:
            import duckdb
        except ModuleNotFoundError:
            raise ConfigError(
                "DuckDB is not installed",
                where=f"duckdb:///{path}",
                todo="pip install 'mlops-lake[duckdb]'",
            ) from None
        self._duckdb: Any = duckdb
        self._path = path
        self.place = f"duckdb:///{path}"

    def __repr__(self) -> str:
        return f"DuckDBFile({self._path!r})"

    @contextmanager
    def session(self, timeout_s: float, watchdog: Watchdog) -> Iterator[Run]:
        """Open a transaction; yield a function that runs a query in it.

        Raises:
            InputError: There is no such file, it is no DuckDB database, or a query fails.
            SourceUnavailable: Another process writes to it, or a query takes too long.
        """
        if not Path(self._path).is_file():
            raise InputError("there is no such database file", where=self.place)
        try:
            connection = self._duckdb.connect(self._path, read_only=True, config=_SETTINGS)
        except self._duckdb.Error as error:
            raise self._error(error, watchdog, "") from None
        with connection, watchdog.over(connection):
            yield lambda query, bound: self._run(connection, query, bound, watchdog)

    def _run(
        self, connection: Any, query: str, bound: Mapping[str, Bound], watchdog: Watchdog
    ) -> pd.DataFrame:
        import pandas as pd

        statement, values = _positional(query, bound)
        try:
            cursor = connection.execute(statement, values)
            names = [column[0] for column in cursor.description or ()]
            rows: list[tuple[Any, ...]] = []
            while part := cursor.fetchmany(_FETCHED_ROWS):
                rows += part
        except self._duckdb.Error as error:
            raise self._error(error, watchdog, query) from None
        return pd.DataFrame.from_records(rows, columns=names, coerce_float=True)

    def _error(self, error: Exception, watchdog: Watchdog, query: str) -> MlopsError:
        if watchdog.fired:
            return database_errors.too_slow(self.place)
        text = scrubbed(error)
        if "set lock" in text:
            return SourceUnavailable(
                f"is in use: {text}", where=self.place, todo="run the same command again"
            )
        return database_errors.failed(error, self.place, (), query=query)


def _positional(query: str, bound: Mapping[str, Bound]) -> tuple[str, list[Bound]]:
    """Return a query with ``?`` for each bound parameter, and the values in their order."""
    from sqlalchemy import text
    from sqlalchemy.engine.default import DefaultDialect

    compiled = text(query).compile(dialect=DefaultDialect(paramstyle="qmark"))
    order = getattr(compiled, "positiontup", None) or []
    return str(compiled), [bound[name] for name in order]
