"""Requests as handlers see them, on bare ASGI, and the types of its messages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from mlops.lakeserver import json_text
from mlops.lakeserver.errors import BadRequest, TooLarge
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.operations.paging import DEFAULT_PER_PAGE, MAX_PER_PAGE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

MAX_BODY_BYTES = 16 << 20

# RFC 3339 as lakeFS reads it: a `T`, and a zone.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

# Python knows no year 0.
_TWENTY_CENTURIES_S = 730_485 * 86_400

_TRUE, _FALSE = (
    frozenset({"true", "True", "TRUE", "1", "t", "T"}),
    frozenset({"false", "False", "FALSE", "0", "f", "F"}),
)


class ClientGone(Exception):
    """The client went away before it had sent everything."""


class Request:
    """One request.

    Attributes:
        lake: what it is about.
        params: what the path names, decoded.
        user: who asks; '' where nobody has to say.
        body: the JSON body, where the operation has one; None where none was sent.
    """

    __slots__ = ("_headers", "_query", "_receive", "body", "lake", "params", "scope", "user")

    def __init__(self, scope: Scope, receive: Receive, lake: Lake, params: dict[str, str]) -> None:
        self.scope = scope
        self.lake = lake
        self.params = params
        self.user = ""
        self.body: Any = None
        self._receive = receive
        self._query: list[tuple[str, str]] | None = None
        self._headers: dict[bytes, bytes] | None = None

    def __getitem__(self, name: str) -> str:
        return self.params[name]

    def header(self, name: bytes) -> str | None:
        """Return the header of that (lower-case) name."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        value = self._headers.get(name)
        return None if value is None else value.strip(b" \t").decode("latin-1")

    def header_parameter(self, name: str) -> str | None:
        """A header that the operation names among its parameters; it has a value if it is there at all."""
        value = self.header(name.lower().encode())
        if value == "":
            raise BadRequest(f'parameter "{name}" in header has an error: empty value is not allowed')
        return value

    def queries(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        if self._query is None:
            try:
                raw = self.scope["query_string"].decode("ascii")
                self._query = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=2500)
            except ValueError:
                raise BadRequest("the query string cannot be decoded") from None
        return [value for key, value in self._query if key == name]

    def _value(self, name: str) -> str | None:
        """Return the only value of a query parameter, or None.

        Raises:
            BadRequest: it is given more than once.
        """
        values = self.queries(name)
        if not values:
            return None
        if len(values) > 1:
            raise BadRequest(
                f"Invalid format for parameter {name}: multiple values for single value parameter '{name}'"
            )
        return values[0]

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        value = self._value(name)
        return default if value is None else value

    def required(self, name: str) -> str:
        """Return a query parameter that has to be there.

        Raises:
            BadRequest: it is not.
        """
        value = self.optional(name)
        if value is None:
            raise BadRequest(f'parameter "{name}" in query has an error: value is required but missing')
        return value

    def optional(self, name: str) -> str | None:
        """Return a query parameter that has a value if it is there at all."""
        value = self._value(name)
        if value == "":
            raise BadRequest(f'parameter "{name}" in query has an error: empty value is not allowed')
        return value

    def several(self, name: str) -> list[str]:
        """Return all values of a query parameter that may be repeated; none of them is empty."""
        values = self.queries(name)
        if "" in values:
            raise BadRequest(f'parameter "{name}" in query has an error: empty value is not allowed')
        return values

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Return a query parameter that is one of `allowed`."""
        value = self.query(name, default)
        if value not in allowed:
            shown = json.dumps(list(allowed), separators=(",", ":"))
            raise BadRequest(
                f'parameter "{name}" in query has an error: value is not one of the allowed values {shown}'
            )
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a query parameter that says yes or no."""
        value = self.optional(name)
        if value is None:
            return default
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise BadRequest(
            f'parameter "{name}" in query has an error: value {value}: an invalid boolean: invalid syntax'
        )

    def integer(self, name: str) -> int | None:
        """Return a query parameter that is a whole number."""
        value = self.optional(name)
        if value is None:
            return None
        digits = value[1:] if value[:1] in "+-" else value
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise BadRequest(
                f'parameter "{name}" in query has an error: value {value}: an invalid integer: invalid syntax'
            )
        return int(value)

    def amount(self) -> int:
        """Return the number of results per page that the client asks for."""
        amount = self.integer("amount")
        if amount is None:
            return DEFAULT_PER_PAGE
        if amount > MAX_PER_PAGE:
            raise BadRequest(
                f'parameter "amount" in query has an error: number must be at most {MAX_PER_PAGE}'
            )
        if amount < -1:
            raise BadRequest('parameter "amount" in query has an error: number must be at least -1')
        return amount if amount > 0 else DEFAULT_PER_PAGE

    def time(self, name: str) -> float | None:
        """Return a query parameter that is a point in time (RFC 3339), as unix seconds."""
        value = self.query(name)
        if not value:
            return None
        try:
            if not _TIME.fullmatch(value):
                raise ValueError
            if value.startswith("0000-"):
                return datetime.fromisoformat("2000" + value[4:]).timestamp() - _TWENTY_CENTURIES_S
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError):
            raise BadRequest(
                f'parameter "{name}" in query has an error: string doesn\'t match the format "date-time"'
            ) from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in.

        Raises:
            ClientGone: it does not come to its end.
        """
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            data = message.get("body", b"")
            if data:
                yield data
            if not message.get("more_body"):
                return

    async def read_body(self, limit: int = MAX_BODY_BYTES) -> bytes:
        """Return the whole body.

        Raises:
            TooLarge: it is larger than `limit` bytes; no more than that is read.
        """
        announced = self.header(b"content-length")
        if announced and announced.isdigit() and int(announced) > limit:
            raise TooLarge(f"request body is larger than {limit} bytes")
        parts = bytearray()
        async for chunk in self.chunks():
            parts += chunk
            if len(parts) > limit:
                raise TooLarge(f"request body is larger than {limit} bytes")
        return bytes(parts)

    async def read_json(self) -> None:
        """`body` is what the client sent.

        Raises:
            BadRequest: it is not JSON, or nested more than `json_text.MAX_DEPTH` levels deep.
        """
        raw = await self.read_body()
        if not raw:
            return
        content_type = self.header(b"content-type") or ""
        if content_type.partition(";")[0] != "application/json":
            raise BadRequest(
                f'request body has an error: header Content-Type has unexpected value "{content_type}"'
            )
        try:
            self.body = json_text.loads(raw.decode(), parse_constant=_refuse_constant)
        except ValueError:
            raise BadRequest(
                "request body has an error: failed to decode request body: invalid JSON"
            ) from None
        if self.body is None:
            raise BadRequest("request body has an error: doesn't match schema: Value is not nullable")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
