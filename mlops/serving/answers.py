"""The frame of every answer: a key that was checked, an id, errors in MLflow's form, a line in the log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response

from mlops.runs.errors import MlopsError, bounded
from mlops.serving.keys import Accepts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NUMBER_HEADER, COMMIT_HEADER, REQUEST_HEADER = "x-mlops-promotion", "x-mlops-commit", "x-request-id"

#: Paths that need no key: whoever restarts a server asks them, and they say nothing.
OPEN = frozenset({"/ping", "/health"})

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "REQUEST_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RESOURCE_EXHAUSTED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_MAX_ID = 64

Log = Callable[[dict[str, Any]], None]


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error in the form that MLflow's scoring server gives it."""
    body = {"error_code": _CODES.get(status, "INTERNAL_ERROR"), "message": bounded(message)}
    return JSONResponse(body, status, dict(headers or {}))


class Guard:
    """Lets requests with a key pass, gives every answer an id, and reports it to the log.

    Args:
        app: The application behind it.
        accepts: Whether a key may ask.
        log: Called with the facts of each request; None to log nothing.
    """

    def __init__(self, app: ASGIApp, accepts: Accepts, log: Log | None) -> None:
        self._app = app
        self._accepts = accepts
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        headers = Headers(scope=scope)
        facts: dict[str, Any] = {
            "request_id": _request_id(headers.get(REQUEST_HEADER, "")),
            "method": scope["method"],
            "path": bounded(scope["path"], 200),
        }

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                found[REQUEST_HEADER] = facts["request_id"]
                facts["status"] = message["status"]
                facts["promotion"] = found.get(NUMBER_HEADER, "")
                facts["commit"] = found.get(COMMIT_HEADER, "")
            await send(message)

        try:
            refusal = None if scope["path"] in OPEN else self._refusal(headers.get("authorization", ""))
            await (refusal or self._app)(scope, receive, send_noted)
        finally:
            if self._log is not None:
                self._log({**facts, "taken_ms": round(1000 * (time.perf_counter() - started_s), 3)})

    def _refusal(self, authorization: str) -> Response | None:
        """Return the answer to a request without a key that counts; None for one with such a key."""
        try:
            if self._accepts(_key(authorization)):
                return None
        except (MlopsError, OSError):
            # What is wrong with the file is for the operator, not for who asks.
            return error(503, "the keys cannot be read; the operator can see why with `mlops keys list`")
        return error(401, "send a key: Authorization: Bearer KEY", {"www-authenticate": "Bearer"})


def _key(header: str) -> str:
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _request_id(given: str) -> str:
    """Return the id that a caller gave, if it can be logged as it is; else a new one."""
    usable = 0 < len(given) <= _MAX_ID and all(c.isascii() and (c.isalnum() or c in "-_.") for c in given)
    return given if usable else str(uuid.uuid4())
