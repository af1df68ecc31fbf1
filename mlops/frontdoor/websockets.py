"""WebSockets on their way to a service and back, message by message."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from mlops.frontdoor import headers
from mlops.frontdoor.options import Service
from mlops.frontdoor.passing import Receive, Scope, Send, target_of

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_POLICY_VIOLATION, _GOING_AWAY, _INTERNAL = 1008, 1001, 1011


async def refuse(send: Send) -> None:
    """Refuse a WebSocket before it is open; the client sees 403."""
    await send({"type": "websocket.close", "code": _POLICY_VIOLATION})


async def pass_on(
    scope: Scope,
    receive: Receive,
    send: Send,
    service: Service,
    client: aiohttp.ClientSession,
    *,
    ended: asyncio.Event | None,
) -> None:
    """Open a WebSocket at a service for a client and carry messages until either side ends.

    Args:
        scope: The request to open it.
        receive: Brings the client's messages.
        send: Takes the service's messages.
        service: Where it goes.
        client: What opens it there.
        ended: Set when the session ends that it belongs to; it is closed then.
    """
    given = headers.inbound(scope["headers"], service)
    try:
        upstream = await client.ws_connect(
            target_of(scope, service),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in given],
            protocols=scope.get("subprotocols", ()),
            max_msg_size=MAX_MESSAGE_BYTES,
        )
    except (aiohttp.ClientError, TimeoutError, OSError):
        await send({"type": "websocket.close", "code": _INTERNAL})
        return
    async with upstream:
        await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
        await _carry(receive, send, upstream, ended)


async def _carry(
    receive: Receive, send: Send, upstream: aiohttp.ClientWebSocketResponse, ended: asyncio.Event | None
) -> None:
    sending = asyncio.ensure_future(_to_service(receive, upstream))
    tasks: list[asyncio.Future[Any]] = [sending, asyncio.ensure_future(_to_client(send, upstream))]
    if ended is not None:
        tasks.append(asyncio.ensure_future(ended.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if sending.cancelled() or sending.exception() is not None:  # the client is still there
        over = ended is not None and ended.is_set()
        code = _POLICY_VIOLATION if over else (upstream.close_code or _GOING_AWAY)
        await send({"type": "websocket.close", "code": code if _may_be_sent(code) else _GOING_AWAY})


async def _to_service(receive: Receive, upstream: aiohttp.ClientWebSocketResponse) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        if message.get("text") is not None:
            await upstream.send_str(message["text"])
        elif message.get("bytes") is not None:
            await upstream.send_bytes(message["bytes"])


async def _to_client(send: Send, upstream: aiohttp.ClientWebSocketResponse) -> None:
    async for message in upstream:
        if message.type is aiohttp.WSMsgType.TEXT:
            await send({"type": "websocket.send", "text": message.data})
        elif message.type is aiohttp.WSMsgType.BINARY:
            await send({"type": "websocket.send", "bytes": message.data})


def _may_be_sent(code: int) -> bool:
    return 1000 <= code <= 4999 and code not in (1004, 1005, 1006, 1015)
