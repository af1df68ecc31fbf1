"""Requests on their way to a service and back: bodies as streams, in bounded memory, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
from yarl import URL

from mlops.frontdoor import headers, pages
from mlops.frontdoor.guard import plain_query
from mlops.frontdoor.options import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONNECT_S = 5.0
#: How long a service may be silent: Dagster's loading of code and MLflow's searches take their time.
SILENCE_S = 300.0
CHUNK_BYTES = 64 * 1024

_MAX_HEAD_BYTES = 64 * 1024
#: MLflow's paths at which it hands out files that runs have written.
_FILES = ("/get-artifact", "/model-versions/get-artifact", "/mlflow-artifacts/", "/artifacts/files")


class ClientGone(OSError):
    """The client has closed its connection."""


class BrokenOff(Exception):
    """An answer that has begun cannot be brought to its end."""


def client_for(service: Service) -> aiohttp.ClientSession:
    """Return what sends requests to a service; it keeps no cookies, follows and unpacks nothing.

    Args:
        service: Where requests go.
    """
    connector: aiohttp.BaseConnector
    if service.socket:
        # A new connection costs little here, and none is ever found closed by the other side.
        connector = aiohttp.UnixConnector(service.socket, force_close=True, limit=0)
    else:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S),
        max_line_size=_MAX_HEAD_BYTES,
        max_field_size=_MAX_HEAD_BYTES,
        read_bufsize=CHUNK_BYTES,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


def target_of(scope: Scope, service: Service) -> URL:
    """Return the address of a request at a service; its path is passed on exactly as it was written."""
    path: str = scope["raw_path"].decode("ascii")
    if service.strips_prefix:
        path = path.removeprefix(service.prefix) or "/"
    base = URL(service.origin)
    return URL.build(
        scheme=base.scheme,
        host=base.host or "",
        port=base.port,
        path=path,
        query_string=plain_query(scope["query_string"]),
        encoded=True,
    )


async def pass_on(
    scope: Scope,
    receive: Receive,
    send: Send,
    service: Service,
    client: aiohttp.ClientSession,
    *,
    lake_cookie: str = "",
    ended: asyncio.Event | None = None,
    html: bool = False,
    note: Callable[[int], None] = lambda _status: None,
) -> None:
    """Pass a request on and its answer back; the client may go away at any time.

    Args:
        scope: The request.
        receive: Brings its body.
        send: Takes the answer.
        service: Where it goes.
        client: What sends it there.
        lake_cookie: The lake's session to send it in.
        ended: Set when the session ends that the request belongs to; the answer breaks off then.
        html: Whether a page is to say that the service does not answer.
        note: Receives the status of the service's answer, before the client does.

    Raises:
        BrokenOff: The answer cannot be brought to its end, so the connection must not look as if it were.
    """
    body = _Body(receive, there=_has_body(scope))
    work = asyncio.ensure_future(_exchange(scope, body, send, service, client, lake_cookie, html, note))
    # Nobody tells a sender that nobody listens any more: that has to be watched for.
    watches: list[asyncio.Future[Any]] = [asyncio.ensure_future(body.until_gone())]
    if ended is not None:
        watches.append(asyncio.ensure_future(ended.wait()))
    try:
        await asyncio.wait([work, *watches], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
            return
    finally:
        for task in (work, *watches):
            task.cancel()
        await asyncio.gather(work, *watches, return_exceptions=True)
    if ended is not None and ended.is_set():
        raise BrokenOff(service.name)


async def _exchange(
    scope: Scope,
    body: _Body,
    send: Send,
    service: Service,
    client: aiohttp.ClientSession,
    lake_cookie: str,
    html: bool,
    note: Callable[[int], None],
) -> None:
    given = headers.inbound(scope["headers"], service, lake_cookie=lake_cookie)
    try:
        answer = await client.request(
            scope["method"],
            target_of(scope, service),
            headers=[(name.decode("latin-1"), _text(value)) for name, value in given],
            data=body.pieces() if body.there else None,
            allow_redirects=False,
        )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        if body.gone:
            return
        late = isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError)
        status = 504 if late else 502
        await pages.unavailable(service, status=status, html=html)(scope, body.receive, send)
        return
    async with answer:
        note(answer.status)
        await _answer(scope, answer, send, service)


async def _answer(scope: Scope, answer: aiohttp.ClientResponse, send: Send, service: Service) -> None:
    sandboxed = service.name == "mlflow" and any(part in scope["path"] for part in _FILES)
    passed = headers.outbound(answer.raw_headers, service, sandboxed=sandboxed)
    await send({"type": "http.response.start", "status": answer.status, "headers": passed})
    try:
        async for piece in answer.content.iter_chunked(CHUNK_BYTES):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise BrokenOff(service.name) from error
    await send({"type": "http.response.body", "body": b""})


class _Body:
    """A request's body, piece by piece."""

    def __init__(self, receive: Receive, *, there: bool) -> None:
        self.receive = receive
        self.there = there
        self.gone = False
        self._read = asyncio.Event()
        if not there:
            self._read.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body's pieces as they arrive.

        Raises:
            ClientGone: The client went away before the end.
        """
        try:
            more = True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    self.gone = True
                    raise ClientGone
                more = message.get("more_body", False)
                if message.get("body"):
                    yield message["body"]
        finally:
            self._read.set()

    async def until_gone(self) -> None:
        """Return when the client has closed its connection; its body is left to `pieces`."""
        await self._read.wait()
        while not self.gone:
            self.gone = (await self.receive())["type"] == "http.disconnect"


def _has_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value.strip() != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
