"""One HTTP request to an address that is allowed: one deadline for everything, no redirect followed."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


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
        """Return the answer as it came over the wire."""
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + self.body


def check_address(text: str) -> str:
    """`text` in its one form, `host:port` or `host`, which stands for ports 80 and 443.

    Raises:
        ValueError: it is neither; an address of IPv6 stands in brackets.
    """
    parts = urlsplit(f"//{text}")
    host, port = parts.hostname, parts.port
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if not host or not plain or "*" in text or any(char.isspace() for char in text):
        raise ValueError(f"{text!r} is not an address: give a host, or host:port, as hooks.example.com:8080")
    return _address(host, port)


def _address(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port is not None else shown


def post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    allowed: Collection[str],
    timeout_s: float,
    body_limit: int,
) -> Response:
    """Post to `url` and return the response.

    Args:
        url: where to.
        body: what is posted.
        headers: beside those of every request.
        allowed: the addresses that may be reached, as `check_address` gives them.
        timeout_s: for everything.
        body_limit: how many bytes of the answer's body are read.

    Raises:
        PostError: it is not allowed, does not answer, not in time, or is no HTTP address.
    """
    deadline = time.monotonic() + timeout_s
    parts, port = _parts(url)
    _check_allowed(parts, port, allowed)
    connection = _connection(parts, port, timeout_s)
    late = threading.Event()
    try:
        _connect(connection, f"{parts.hostname}:{port or _PORTS[parts.scheme]}")
        timer = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (connection, late))
        timer.daemon = True
        timer.start()
        try:
            return _exchange(connection, parts, body, headers, body_limit)
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


def _parts(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise PostError(str(error)) from None
    if parts.scheme not in _PORTS:
        raise PostError(f'unsupported protocol scheme "{parts.scheme}"')
    if not parts.hostname:
        raise PostError("http: no Host in request URL")
    try:
        return parts, parts.port
    except ValueError:
        raise PostError(f"invalid port in {parts.netloc!r}") from None


def _check_allowed(parts: SplitResult, port: int | None, allowed: Collection[str]) -> None:
    host = parts.hostname or ""
    address = _address(host, port or _PORTS[parts.scheme])
    usual = port in (None, *_PORTS.values())
    if address not in allowed and not (usual and _address(host, None) in allowed):
        raise PostError(
            f"{address} is not among the addresses that webhooks may reach: the lake server has to be "
            f"started with --allow-webhook {address}, or MLOPS_LAKE_WEBHOOKS"
        )


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(parts: SplitResult, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _connect(connection: http.client.HTTPConnection, address: str) -> None:
    try:
        connection.connect()
    except ConnectionRefusedError:
        raise PostError(f"dial tcp {address}: connect: connection refused") from None
    except socket.gaierror:
        raise PostError(f"dial tcp: lookup {address.rpartition(':')[0]}: no such host") from None


def _exchange(
    connection: http.client.HTTPConnection,
    parts: SplitResult,
    body: bytes,
    headers: dict[str, str],
    body_limit: int,
) -> Response:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, body=body, headers={"User-Agent": "lakefs-hooks", **headers})
    answer = connection.getresponse()
    return Response(answer.status, answer.reason, answer.getheaders(), answer.read(body_limit))
