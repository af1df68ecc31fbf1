"""Translation of failures of the lakeFS clients into the errors of `mlops.runs.errors`.

============ ==================== =========================================================================
status       error                when
============ ==================== =========================================================================
(none)       `LakeUnavailable`    no connection, a timeout, an answer that was cut off
401          `LakeDenied`         wrong or missing key
403          `LakeDenied`         protected branch, read-only repository
404, 410     `NotFound`           with lakeFS's own JSON body; without it, the address is not a lakeFS's
409          `Conflict`           name taken, or both sides changed an object
412          `MainMoved`          a hook refused, and its sentence starts with ``main-moved:``
412          `Unlawful`           a hook refused for another reason
412          `Conflict`           ``If-Match`` or ``If-None-Match`` did not hold
408 423 429  `LakeUnavailable`    busy or throttled: the same call may work later
502-504      `LakeUnavailable`    as above, or a proxy without its server
507          `LakeFull`           also any 5xx that says "no space left"
anything     `LakeError`          400, 416, 420, 500, 501, an unreadable answer, …
============ ==================== =========================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlops.runs import json_values
from mlops.runs.errors import (
    ConfigError,
    Conflict,
    LakeDenied,
    LakeError,
    LakeFull,
    LakeUnavailable,
    MainMoved,
    MlopsError,
    NotFound,
    Unlawful,
)

#: What the enforcer's sentence starts with where the head of `main` is not the expected one.
MOVED_MARK = "main-moved:"

STATUS_ERRORS: Mapping[int, type[LakeError]] = {
    401: LakeDenied,
    403: LakeDenied,
    404: NotFound,
    408: LakeUnavailable,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    423: LakeUnavailable,
    429: LakeUnavailable,
    502: LakeUnavailable,
    503: LakeUnavailable,
    504: LakeUnavailable,
    507: LakeFull,
}

_HOOK_SENTENCE = re.compile(r"action failed: (.*?)(?=\n\s*\* hook run id|\Z)", re.DOTALL)
_LUA_POSITION = re.compile(r'\A(?:runtime error: )?\[string "[^"]*"\]:\d+: ')
_NO_ROOM = re.compile(r"no space left|disk (?:is )?full|quota exceeded", re.IGNORECASE)


@contextmanager
def translated(where: str, endpoint: str) -> Iterator[None]:
    """Run client calls and translate their exceptions into errors of this project.

    Args:
        where: What is worked on (``repository/ref/path``), for the error's text.
        endpoint: Address of the server, for the error's text.
    """
    try:
        yield
    except MlopsError:
        raise
    except Exception as error:
        raise translate(error, where, endpoint) from error


def translate(error: Exception, where: str, endpoint: str) -> MlopsError:
    """Return the error of this project for a client's exception."""
    import lakefs.exceptions as wrapper
    import lakefs_sdk.exceptions as sdk
    import urllib3.exceptions as http

    if isinstance(error, OSError) and isinstance(error.__cause__, wrapper.ServerException):
        error = error.__cause__  # lakefs-spec hands the wrapper's errors on as Python's
    if isinstance(error, (sdk.ApiException, wrapper.ServerException)):
        status, body = _answer(error)
        if not status:
            return _unavailable(error.reason, endpoint)
        return from_status(status, error.reason, body, where, endpoint)
    if isinstance(
        error,
        (
            wrapper.NoAuthenticationFound,
            wrapper.UnsupportedCredentialsProviderType,
            wrapper.InvalidEnvVarFormat,
        ),
    ):
        return ConfigError("no usable lakeFS key", where=endpoint, todo="set LAKECTL_* or ~/.lakectl.yaml")
    if isinstance(error, http.LocationValueError):
        return ConfigError("not an address of a lakeFS server", where=endpoint)
    if isinstance(error, (http.HTTPError, OSError)):
        return _unavailable(_network_reason(error), endpoint)
    return LakeError(
        f"the answer cannot be read ({type(error).__name__})",
        where=where,
        todo=f"check that {endpoint} is a lakeFS server",
    )


def _answer(error: Any) -> tuple[int, str | bytes | None]:
    # The wrapper has decoded the body already, the generated client has not.
    status: int | None = error.status_code if hasattr(error, "status_code") else error.status
    return status or 0, json.dumps(error.body) if isinstance(error.body, dict) else error.body


def from_status(
    status: int, reason: str | None, body: str | bytes | None, where: str, endpoint: str
) -> MlopsError:
    """Return the error for an HTTP response that is not a success."""
    message = _message(body)
    if status == 412 and message and "hook aborted" in message:
        return _hook_refusal(message, where)
    if status >= 500 and message and _NO_ROOM.search(message):
        return LakeFull(message, where=endpoint, todo="free disk space on the server")
    if status == 404 and (not message or "invalid API endpoint" in message):
        return LakeError(
            message or "404 without lakeFS's own message", where=where, todo=f"is {endpoint} a lakeFS server?"
        )
    kind = STATUS_ERRORS.get(status, LakeError)
    if kind is LakeUnavailable:
        return LakeUnavailable(f"{status} {message or reason or 'busy'}", where=endpoint, todo="try again")
    return kind(
        message or _bare_text(status, reason), where=where, todo=_todo(status, message or "", endpoint)
    )


def hook_sentences(message: str) -> list[str]:
    """Return the message of each failed hook from lakeFS's report of an aborted operation."""
    found = [_first_line(text) for text in _HOOK_SENTENCE.findall(message)]
    return found or [message.strip()]


def _hook_refusal(message: str, where: str) -> LakeError:
    sentences = hook_sentences(message)
    moved = next((text for text in sentences if text.startswith(MOVED_MARK)), None)
    if moved is not None:
        return MainMoved(moved[len(MOVED_MARK) :].strip(), where=where)
    return Unlawful("; ".join(sentences), where=where)


def _first_line(sentence: str) -> str:
    # A Lua `error()` carries the place in the script and, on further lines, a stack trace.
    bare = _LUA_POSITION.sub("", sentence.strip())
    return bare.split("\nstack traceback:")[0].strip()


def _message(body: str | bytes | None) -> str | None:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        value: Any = json_values.parse(text or "")
    except ValueError:
        return None
    message = value.get("message") if isinstance(value, dict) else None
    return message if isinstance(message, str) and message else None


def _bare_text(status: int, reason: str | None) -> str:
    # The only lakeFS answers without a message: a merge conflict's {"reference": ""}.
    if status == 409:
        return "both sides changed the same object"
    return f"{status} {reason or ''}".strip()


def _todo(status: int, message: str, endpoint: str) -> str:
    if status == 401:
        return f"check the access key for {endpoint}"
    if status == 404 and "repository not found" in message:
        return "set it up with `mlops init`"
    if status == 501:
        return "this server does not offer the operation"
    if status == 507:
        return "free disk space on the server"
    return ""


def _unavailable(reason: str | None, endpoint: str) -> LakeUnavailable:
    return LakeUnavailable(
        f"no answer: {reason or 'connection lost'}", where=endpoint, todo="is it up? `mlops up` starts it"
    )


def _network_reason(error: BaseException) -> str:
    import urllib3.exceptions as http

    if isinstance(error, http.MaxRetryError) and error.reason is not None:
        return _network_reason(error.reason)
    if isinstance(error, http.NewConnectionError):
        return "connection refused or host unknown"
    if isinstance(error, (http.TimeoutError, TimeoutError)):
        return "timed out"
    if isinstance(error, http.SSLError):
        return f"TLS: {error}"
    return "the connection broke"
