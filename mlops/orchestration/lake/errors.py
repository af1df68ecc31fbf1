"""Errors of the Dagster integration: one sentence each, with the place and with what to do.

Failures of the lakeFS clients are translated without their cause: a client's own text repeats headers and
bodies, and Dagster keeps the text of every exception in its event log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StorageError(Exception):
    """A value could not be stored or loaded."""


class ConfigurationFault(StorageError):
    """A resource or an IO manager is configured with something that cannot work."""


class ValueRefused(StorageError):
    """The value is not of a kind that this format can hold without loss."""


class NotStored(StorageError, FileNotFoundError):
    """There is no such repository, branch or value."""


class AccessRefused(StorageError):
    """The server does not accept the key, or the key does not allow the call."""


class StorageUnavailable(StorageError):
    """The server does not answer; the same call may work later."""


class StorageBusy(StorageUnavailable):
    """The server is too busy for now, or two changes of one branch met."""


class StorageConflict(StorageError):
    """The name is taken, or two branches changed the same value."""


class BranchGone(StorageError):
    """The branch of the run was merged or deleted, so that the run cannot go on."""


_BUSY = frozenset({408, 423, 429, 502, 503, 504})
#: lakeFS answers 500 with this where two changes of one branch meet; the one that lost may come again.
_RACE = "predicate failed"
_KEY = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"


@contextmanager
def lake_calls(where: str, endpoint: str) -> Iterator[None]:
    """Translate what the lakeFS clients raise inside the context into a `StorageError`.

    Args:
        where: The branch or the object that is worked on.
        endpoint: Address of the server.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        translated = _translated(error, where, endpoint)
        if translated is None:
            raise
        raise translated from None


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status of a lakeFS client's exception; None for exceptions of other kinds."""
    from lakefs.exceptions import ServerException
    from lakefs_sdk.exceptions import ApiException

    if isinstance(error, OSError) and isinstance(error.__cause__, ServerException):
        error = error.__cause__  # lakefs-spec hands the client's errors on as Python's own
    if isinstance(error, ServerException):
        return error.status_code or 0
    return error.status or 0 if isinstance(error, ApiException) else None


def message_of(error: BaseException) -> str:
    """Return the server's own sentence in a lakeFS client's exception; empty where there is none."""
    source: Any = error if hasattr(error, "body") else error.__cause__
    body = getattr(source, "body", None)
    if isinstance(body, (str, bytes)):
        try:
            body = json.loads(body)
        except ValueError:
            return ""
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def _translated(error: Exception, where: str, endpoint: str) -> StorageError | None:
    from urllib3.exceptions import HTTPError

    status = status_of(error)
    if status:
        return _by_status(status, message_of(error), where, endpoint)
    if status == 0 or isinstance(error, (HTTPError, OSError)):
        return StorageUnavailable(
            f"lakeFS at {endpoint} does not answer ({type(error).__name__}): check the address and the server"
        )
    return None


def _by_status(status: int, message: str, where: str, endpoint: str) -> StorageError:
    said = f": {message}" if message else ""
    if status == 401:
        return AccessRefused(f"lakeFS at {endpoint} does not accept the key: check {_KEY}")
    if status == 403:
        return AccessRefused(f"lakeFS at {endpoint} does not allow this on {where} (403){said}")
    if status in (404, 410):
        return NotStored(f"{where} is not on lakeFS at {endpoint}{said}")
    if status in _BUSY or _RACE in message:
        return StorageBusy(f"lakeFS at {endpoint} is too busy ({status}){said}: run it again later")
    if status == 409:
        return StorageConflict(f"{where}: conflict on lakeFS at {endpoint}{said}")
    return StorageError(f"{where}: lakeFS at {endpoint} answered {status}{said}")
