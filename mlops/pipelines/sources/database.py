# SQLAlchemy's types are precise, those of the drivers below it are not.
# pyright: reportArgumentType=false, reportCallIssue=false

"""Databases by address, through SQLAlchemy: read-only, in one transaction, for a bounded time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops.pipelines.sources import database_errors
from mlops.pipelines.sources.redaction import redacted
from mlops.pipelines.sources.waiting import Watchdog
from mlops.runs.errors import ConfigError, InputError, MlopsError

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import URL, Connection, Engine

#: Value of a bound parameter.
Bound = dt.date | str
#: Runs a query with its bound parameters.
Run = Callable[[str, Mapping[str, Bound]], "pd.DataFrame"]

#: How long a server may take until it accepts a connection.
CONNECT_TIMEOUT_S = 10
_FETCHED_ROWS = 20_000


class Database(Protocol):
    """A database that can be read."""

    @property
    def place(self) -> str:
        """Its address without user and password."""
        ...

    def session(self, timeout_s: float, watchdog: Watchdog) -> Any:
        """Return a context manager that opens one transaction and yields a `Run`."""
        ...


class SqlDatabase:
    """A database that SQLAlchemy reaches.

    Args:
        url: Its address, with user and password where it needs them.
        places: Hosts and messages are named after this address; it has no password in it.

    Raises:
        ConfigError: The driver is missing, or the address cannot be one.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self.place = place_of(url)
        self._secrets = (str(url.password or ""),)
        self._engines: dict[float, Engine] = {}
        self._engine(1.0)

    def __repr__(self) -> str:
        return f"SqlDatabase({self.place!r})"

    def _engine(self, timeout_s: float) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        from sqlalchemy.pool import NullPool

        if timeout_s not in self._engines:
            try:
                self._engines[timeout_s] = create_engine(
                    self._url, poolclass=NullPool, hide_parameters=True, **_arguments(self._url, timeout_s)
                )
            except ModuleNotFoundError as error:
                raise ConfigError(
                    f"the driver {error.name} is not installed",
                    where=self.place,
                    todo=_install(str(error.name)),
                ) from None
            except (ArgumentError, NoSuchModuleError, ValueError, TypeError):
                raise ConfigError(
                    "not an address of a database",
                    where=self.place,
                    todo="write e.g. postgresql+psycopg2://host/name or sqlite:///file.db",
                ) from None
        return self._engines[timeout_s]

    @contextmanager
    def session(self, timeout_s: float, watchdog: Watchdog) -> Iterator[Run]:
        """Open a read-only transaction; yield a function that runs a query in it.

        Raises:
            SourceUnavailable: The server gives no answer.
            ConfigError: It refuses the connection.
            InputError: A query fails.
        """
        connection = self._connected(timeout_s, watchdog)
        try:
            with watchdog.over(connection.connection.driver_connection), connection:
                yield lambda query, bound: self._run(connection, query, bound, watchdog)
        except MlopsError:
            raise
        except Exception as error:
            raise self._error(error, watchdog, "") from None

    def _connected(self, timeout_s: float, watchdog: Watchdog) -> Connection:
        if self._url.get_backend_name() == "sqlite":
            _check_file(self._url)
        connection: Connection | None = None
        try:
            connection = self._engine(timeout_s).connect()
            return _one_snapshot(connection)
        except Exception as error:
            if connection is not None:
                connection.close()
                raise self._error(error, watchdog, "") from None
            raise database_errors.refused(error, self._url, self.place, self._secrets) from None

    def _run(
        self, connection: Connection, query: str, bound: Mapping[str, Bound], watchdog: Watchdog
    ) -> pd.DataFrame:
        import pandas as pd
        from sqlalchemy import Date, String, bindparam, text

        kinds = [bindparam(n, type_=Date() if isinstance(v, dt.date) else String()) for n, v in bound.items()]
        try:
            statement = text(query).bindparams(*kinds)
            result = connection.execution_options(stream_results=True).execute(statement, dict(bound))
            if not result.returns_rows:
                raise InputError("the query returns no table", where=self.place)
            names, rows = list(result.keys()), []
            while part := result.fetchmany(_FETCHED_ROWS):
                rows += map(tuple, part)
        except MlopsError:
            raise
        except Exception as error:
            raise self._error(error, watchdog, query) from None
        return pd.DataFrame.from_records(rows, columns=names, coerce_float=True)

    def _error(self, error: Exception, watchdog: Watchdog, query: str) -> MlopsError:
        if watchdog.fired:
            return database_errors.too_slow(self.place)
        return database_errors.failed(error, self.place, self._secrets, query=query)


def place_of(url: URL) -> str:
    """Return an address without user, password and query part."""
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or ""
    port = f":{url.port}" if url.port else ""
    return redacted(f"{url.drivername}://{host}{port}/{url.database or ''}")


def _check_file(url: URL) -> None:
    if not url.database or url.database == ":memory:":
        raise ConfigError("names no file", where=place_of(url), todo="write sqlite:///file.db")
    if not Path(url.database).is_file():
        raise InputError("there is no such database file", where=place_of(url))


def _arguments(url: URL, timeout_s: float) -> dict[str, Any]:
    """Return what bounds a driver's waiting, and opens SQLite files for reading only."""
    if url.get_backend_name() == "sqlite":
        return {"creator": lambda: _sqlite(str(url.database), timeout_s)}
    if url.get_driver_name() in {"psycopg2", "psycopg"}:
        limits = f"-c statement_timeout={max(1, int(timeout_s * 1000))} -c lock_timeout=10000"
        given = str(url.query.get("options", ""))
        keepalive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
        return {
            "connect_args": {
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"{given} {limits}".strip(),
                "application_name": "mlops",
                **keepalive,
            }
        }
    if url.get_driver_name() == "pymysql":
        limit = max(1, int(timeout_s))
        return {"connect_args": {"connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": limit}}
    return {}


def _sqlite(path: str, timeout_s: float) -> Any:
    import sqlite3

    # Another thread interrupts a query at its deadline.
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=min(5.0, timeout_s / 4), check_same_thread=False)


def _one_snapshot(connection: Connection) -> Connection:
    """Begin a transaction in which all queries see the same data, and none can change it."""
    backend = connection.dialect.name
    if backend == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return connection.execution_options(**options)
    if backend == "sqlite":
        connection.exec_driver_sql("BEGIN")
    return connection


def _install(module: str) -> str:
    extras = {"psycopg2": "postgres", "duckdb": "duckdb"}
    extra = extras.get(module.partition(".")[0])
    return f"pip install 'mlops-lake[{extra}]'" if extra else f"install {module}"
