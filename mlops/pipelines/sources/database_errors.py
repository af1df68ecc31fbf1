"""Errors of database drivers as errors of this project: by code, in bounded text, without secrets."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops.pipelines.sources.redaction import scrubbed
from mlops.runs.errors import ConfigError, InputError, MlopsError, SourceUnavailable

if TYPE_CHECKING:
    from sqlalchemy import URL

_AGAIN = "check that it is up, then run the same command again"
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
#: SQLSTATE classes: connection lost, resources, the operator, a conflict of transactions.
_TRANSIENT = ("08", "53", "57P", "58", "40")
_TIMEOUT = ("57014", "55P03")
_ACCESS = ("28", "3D", "42501")
#: SQLite's result codes, without their extensions.
_BUSY, _LOCKED, _INTERRUPTED, _CORRUPT, _CANNOT_OPEN, _NO_DATABASE = 5, 6, 9, 11, 14, 26
#: A server that answers, but not yet or not now; PostgreSQL's driver gives no code while it connects.
_NOT_NOW = re.compile(r"the database system is|too many|remaining connection slots", re.IGNORECASE)


def too_slow(place: str) -> SourceUnavailable:
    """Return the error of a database that took longer than allowed."""
    return SourceUnavailable(
        "gave no answer in time", where=place, todo="raise timeout_s, or narrow the query"
    )


def refused(error: Exception, url: URL, place: str, secrets: Sequence[str]) -> MlopsError:
    """Return the error of a connection that could not be opened.

    A driver says the same for a server that is down and one that refuses; whether something listens at its
    address decides.
    """
    original = getattr(error, "orig", None) or error
    text = scrubbed(original, *secrets)
    code = _code(original)
    if isinstance(error, MlopsError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return ConfigError(f"the driver {error.name} is not installed", where=place)
    if code or url.get_backend_name() == "sqlite":
        return failed(error, place, secrets, query="")
    if _NOT_NOW.search(text) or not _listens(url):
        return SourceUnavailable(f"cannot be reached: {text}", where=place, todo=_AGAIN)
    return ConfigError(
        f"refused the connection: {text}", where=place, todo="check user, password and name of the database"
    )


def failed(error: Exception, place: str, secrets: Sequence[str], *, query: str) -> MlopsError:
    """Return the error of a query, or of a connection that broke off."""
    original = getattr(error, "orig", None) or error
    text = scrubbed(original, *secrets)
    lost = bool(getattr(error, "connection_invalidated", False))
    known = _by_sqlstate(_code(original), text, place, lost=lost) or _by_sqlite_code(original, text, place)
    if known is not None:
        return known
    what = "the query fails" if query else "cannot be read"
    return InputError(f"{what}: {text}", where=place, todo="correct the query or the table" if query else "")


def _by_sqlstate(code: str, text: str, place: str, *, lost: bool) -> MlopsError | None:
    if code.startswith(_TIMEOUT):
        return too_slow(place)
    if lost or code.startswith(_TRANSIENT):
        return SourceUnavailable(f"the connection was lost: {text}", where=place, todo=_AGAIN)
    if code.startswith(_ACCESS):
        return ConfigError(f"access is denied: {text}", where=place, todo="check user, password and rights")
    return None


def _by_sqlite_code(original: object, text: str, place: str) -> MlopsError | None:
    code = int(getattr(original, "sqlite_errorcode", 0)) & 0xFF
    if code in {_BUSY, _LOCKED}:
        return SourceUnavailable(f"is in use: {text}", where=place, todo="run the same command again")
    if code == _INTERRUPTED:
        return too_slow(place)
    if code in {_CORRUPT, _CANNOT_OPEN, _NO_DATABASE}:
        return InputError(f"cannot be read as a database: {text}", where=place)
    return None


def _code(error: object) -> str:
    """Return a driver's SQLSTATE; empty where it gives none."""
    return str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or "")


def _listens(url: URL) -> bool:
    """Return whether something accepts connections at an address."""
    host = str(url.host or url.query.get("host") or "localhost")
    port = url.port or _DEFAULT_PORTS.get(url.get_backend_name(), 0)
    try:
        if host.startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(2.0)
                probe.connect(f"{host}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, port), timeout=2.0).close()
    except OSError:
        return False
    return True
