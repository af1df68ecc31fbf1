"""A client that costs next to nothing: one connection, requests put together by hand."""

from __future__ import annotations

import base64
import json
import socket
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mlops.adapters.lake.credentials import Credentials

_TIMEOUT_S = 300.0
_CHUNK_BYTES = 1 << 20


class Refused(RuntimeError):
    """The server did not do what it was asked for."""


class RawClient:
    """Sends one request at a time to one repository."""

    def __init__(self, credentials: Credentials, repository: str) -> None:
        address = urlsplit(credentials.endpoint)
        pair = f"{credentials.access_key_id}:{credentials.secret_access_key}"
        self._head = (
            f"Host: {address.netloc}\r\n"
            f"Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\nContent-Type: "
        )
        self.repository = repository
        self._base = f"/api/v1/repositories/{repository}"
        host = (address.hostname or "", address.port or 80)
        self._socket = socket.create_connection(host, timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb", buffering=_CHUNK_BYTES)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.close()
        self._socket.close()

    def upload(self, branch: str, path: str, body: bytes) -> None:
        """The bytes are an object of the branch."""
        target = f"{self._base}/branches/{branch}/objects?path={quote(path, safe='')}"
        self._exchange("POST", target, body, "application/octet-stream")

    def download(self, ref: str, path: str) -> int:
        """Fetch an object; return how many bytes it has."""
        target = f"{self._base}/refs/{ref}/objects?path={quote(path, safe='')}"
        return self._exchange("GET", target, keep=False)[0]

    def call(self, method: str, path: str, body: object = None, /, **query: Any) -> Any:
        """Call an operation of the repository and return the JSON of the answer, or None.

        Raises:
            Refused: The answer is no success.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        target = f"{self._base}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        _, answer = self._exchange(method, target, sent)
        return json.loads(answer) if answer[:1] in (b"{", b"[") else None

    def _exchange(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        content_type: str = "application/json",
        *,
        keep: bool = True,
    ) -> tuple[int, bytes]:
        head = (
            f"{method} {target} HTTP/1.1\r\n{self._head}{content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        if len(body) < _CHUNK_BYTES:
            self._socket.sendall(head.encode() + body)
        else:
            self._socket.sendall(head.encode())
            self._socket.sendall(body)
        status, size, answer = self._answer(keep=keep)
        if status.split(b" ", 2)[1][:1] != b"2":
            raise Refused(f"{method} {target}: {status!r} {answer[:300]!r}")
        return size, answer

    def _answer(self, *, keep: bool) -> tuple[bytes, int, bytes]:
        status = self._answers.readline()
        length, chunked = 0, False
        while (line := self._answers.readline().strip().lower()) != b"":
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            chunked = chunked or line == b"transfer-encoding: chunked"
        return status, *(self._chunks() if chunked else self._read(length, keep=keep))

    def _chunks(self) -> tuple[int, bytes]:
        parts: list[bytes] = []
        while size := int(self._answers.readline().split(b";")[0], 16):
            parts.append(self._answers.read(size))
            self._answers.readline()
        self._answers.readline()
        answer = b"".join(parts)
        return len(answer), answer

    def _read(self, length: int, *, keep: bool) -> tuple[int, bytes]:
        if keep or length <= _CHUNK_BYTES:
            return length, self._answers.read(length)
        buffer, left = memoryview(bytearray(_CHUNK_BYTES)), length
        while left:
            got = self._answers.readinto(buffer[: min(left, _CHUNK_BYTES)])  # type: ignore[attr-defined]
            if not got:
                raise Refused("the server hung up")
            left -= got
        return length, b""
