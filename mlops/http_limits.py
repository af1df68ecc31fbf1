"""HTTP as uvicorn reads it, with limits: connections, and the size and duration of a request's head."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_REFUSAL = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Ends connections that keep the server waiting for the head of a request, or are too many.

    Attributes:
        max_head_bytes: Longest head of a request.
        head_s: How long the head of a request may take, seconds.
        max_connections: Connections at the same time.
    """

    max_head_bytes: ClassVar[int] = 256 * 1024
    head_s: ClassVar[float] = 20.0
    max_connections: ClassVar[int] = 512

    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection; its first head is waited for only so long."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(b"503 Service Unavailable")
            return
        self.admitted()
        self._wait_for_head()

    def admitted(self) -> None:
        """Do what a server does with a connection that it takes; by default nothing."""

    def data_received(self, data: bytes) -> None:
        """Take what came; a piece in which a head ends is not counted."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes:
                self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._stop_waiting()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Note that its head has ended."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self.head_s, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._in_head and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        self.transport.write(_REFUSAL % status)
        self.transport.close()
