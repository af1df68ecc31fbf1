"""HTTP as the server reads it: uvicorn's, with bounds on heads, on time, and on connections."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlops.lakeserver.http.connections import Connections, Phase

# As lakeFS; a request may name many paths in its query.
MAX_HEAD_BYTES = 1 << 20

_ANSWER = (
    b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
)
_REFUSALS = {
    400: (b"400 Bad Request", b"this server has no WebSockets"),
    408: (b"408 Request Timeout", b"the request did not come in within the time that it has"),
    431: (
        b"431 Request Header Fields Too Large",
        b"the request line and headers are larger than %d bytes" % MAX_HEAD_BYTES,
    ),
    503: (b"503 Service Unavailable", b"too many connections: close some, or try again"),
}


def _refusal(status: int) -> bytes:
    line, message = _REFUSALS[status]
    body = b'{"message":"%s"}\n' % message
    return _ANSWER % (line, len(body), body)


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Refuses (431) a request whose line and headers go on for more than `MAX_HEAD_BYTES`, and (400) a
    WebSocket; what takes too long, or is one connection too many, is ended by `Connections`.
    """

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._trusted = False
        self._head_bytes = 0
        self.phase = Phase.HEAD
        self.since = 0.0
        self.body_bytes = 0
        self.address = ""

    def connection_made(self, transport: Any) -> None:
        """Take the connection in, or refuse it (503)."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.since = self.loop.time()
        if not self._connections.add(self, self.loop):
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a piece in which a head ends is not counted."""
        if self.phase is Phase.IDLE:
            self.phase, self.since = Phase.HEAD, self.loop.time()
        self.body_bytes += len(data)
        super().data_received(data)
        if self.phase is Phase.HEAD and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["lake.connection"] = self  # type: ignore[typeddict-unknown-key]
        if self.phase is not Phase.HEAD:
            self.phase, self.since = Phase.HEAD, self.loop.time()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Go on to the body; a WebSocket is refused."""
        self.phase, self.since, self.body_bytes = Phase.BODY, self.loop.time(), 0
        parser: Any = self.parser
        if parser.should_upgrade() and self._get_upgrade() == b"websocket":
            self.app, app = _no_websockets, self.app
            super().on_headers_complete()
            self.app = app
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Go on to the answer, which may have been given already."""
        super().on_message_complete()
        self.phase = Phase.IDLE if self.cycle.response_complete else Phase.ANSWER

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the body of this one is still coming in."""
        if self.phase is Phase.ANSWER and not self.pipeline:
            self.phase = Phase.IDLE
        super().on_response_complete()

    def _should_upgrade(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody could fill the log."""

    def trust(self) -> None:
        """Note that a request with valid credentials came over this connection."""
        if not self._trusted:
            self._trusted = True
            self._connections.trust(self)

    def waits_for_us(self) -> bool:
        """Return whether it is the server that does not read at the moment."""
        return self.flow.read_paused

    def unsent_bytes(self) -> int:
        """Return how much of an answer the client has not taken yet."""
        return self.transport.get_write_buffer_size()

    def drop(self, status: int) -> None:
        """End the connection; where a request is coming in that has no answer yet, with that status."""
        if self.transport.is_closing():
            return
        begun = self.scope is not None and self.phase is Phase.HEAD
        unanswered = self.phase is Phase.BODY and not self.cycle.response_started
        if begun or unanswered:
            self._refuse(status)
        elif self.phase is Phase.ANSWER:
            self.transport.abort()
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        self.transport.write(_refusal(status))
        self.transport.close()


async def _no_websockets(_scope: Any, _receive: Any, send: Any) -> None:
    body = _refusal(400).partition(b"\r\n\r\n")[2]
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
