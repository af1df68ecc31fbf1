"""HTTP as the server reads it: uvicorn's, and no request whose head does not end."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As lakeFS; a request may name many paths in its query.
MAX_HEAD_BYTES = 1 << 20

_ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s"
)
_BODY = b'{"message":"the request line and headers are larger than %d bytes"}\n' % MAX_HEAD_BYTES


class LimitedProtocol(HttpToolsProtocol):
    """Refuses (431) a request whose line and headers go on for more than `MAX_HEAD_BYTES`."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Takes what came; a piece in which a head ends is not counted."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_ANSWER % (len(_BODY), _BODY))
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Its head has ended."""
        self._in_head = False
        super().on_headers_complete()
