"""One HTTP request as Go's client makes it: redirects followed, one deadline for everything."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_REDIRECTS = 10
_AGAIN = frozenset({307, 308})
_AS_GET = frozenset({301, 302, 303})
_PRIVATE_HEADERS = frozenset(
    {"authorization", "cookie", "cookie2", "www-authenticate", "proxy-authorization"}
)


class PostError(Exception):
    """No answer came; the message is Go's where its form is known."""


@dataclass(frozen=True)
class Response:
    """An answer, its body cut at a limit."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def dump(self) -> bytes:
        """The answer as it came over the wire."""
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class _Attempt:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def post(url: str, body: bytes, headers: dict[str, str], *, timeout_s: float, body_limit: int) -> Response:
    """What `url` finally answers.

    Raises:
        PostError: it does not answer, not in time, or is no HTTP address.
    """
    deadline = time.monotonic() + timeout_s
    attempt = _Attempt("POST", url, headers, body)
    for _ in range(_REDIRECTS):
        response = _send(attempt, deadline, body_limit)
        location = next((value for name, value in response.headers if name.lower() == "location"), "")
        if not location or response.status not in _AGAIN | _AS_GET:
            return response
        attempt = _redirected(attempt, urljoin(attempt.url, location), response.status)
    raise PostError(f"stopped after {_REDIRECTS} redirects")


def _redirected(attempt: _Attempt, url: str, status: int) -> _Attempt:
    headers = attempt.headers
    if urlsplit(url).hostname != urlsplit(attempt.url).hostname:
        headers = {name: value for name, value in headers.items() if name.lower() not in _PRIVATE_HEADERS}
    if status in _AGAIN:
        return _Attempt(attempt.method, url, headers, attempt.body)
    headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return _Attempt("GET", url, headers, b"")


def _send(attempt: _Attempt, deadline: float, body_limit: int) -> Response:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise PostError("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
    connection, address = _connection(attempt.url, remaining)
    late = threading.Event()
    try:
        _connect(connection, address)
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (connection, late))
        timer.daemon = True
        timer.start()
        try:
            return _exchange(connection, attempt, body_limit)
        finally:
            timer.cancel()
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise PostError(
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            ) from None
        raise PostError(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise PostError(f'unsupported protocol scheme "{parts.scheme}"')
    if not parts.hostname:
        raise PostError("http: no Host in request URL")
    try:
        port = parts.port
    except ValueError:
        raise PostError(f"invalid port in {parts.netloc!r}") from None
    address = f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, port, timeout=timeout_s, context=context), address
    return http.client.HTTPConnection(parts.hostname, port, timeout=timeout_s), address


def _connect(connection: http.client.HTTPConnection, address: str) -> None:
    try:
        connection.connect()
    except ConnectionRefusedError:
        raise PostError(f"dial tcp {address}: connect: connection refused") from None
    except socket.gaierror:
        raise PostError(f"dial tcp: lookup {address.rpartition(':')[0]}: no such host") from None


def _exchange(connection: http.client.HTTPConnection, attempt: _Attempt, body_limit: int) -> Response:
    parts = urlsplit(attempt.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"User-Agent": "lakefs-hooks", **attempt.headers}
    connection.request(attempt.method, target, body=attempt.body or None, headers=headers)
    answer = connection.getresponse()
    body = answer.read(body_limit)
    return Response(answer.status, answer.reason, answer.getheaders(), body)
