"""Services to put behind a door: one that tells what it received, and a lake with one key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn

KEY, SECRET = "AKIAJTHEKEY", "the-secret-of-the-lake"
MIB = 1 << 20

Asgi = Callable[..., Awaitable[None]]


@dataclass
class Stub:
    """A service that answers with what it received.

    Attributes:
        name: Which service it stands for.
        seen: Requests that arrived, as `describe` tells them.
        left: Set when a client has gone while `/stall` was being answered.
        closed: Set when a WebSocket has ended.
    """

    name: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            answer = {"/big": self._big, "/stall": self._stall, "/break": self._break}
            path = scope["path"]
            name = next((key for key in answer if path.endswith(key)), "")
            await (answer[name] if name else self._echo)(scope, receive, send)

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        digest, size, more = hashlib.sha256(), 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            digest.update(message.get("body", b""))
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        told = self.describe(scope, size, digest.hexdigest())
        self.seen.append(told)
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        headers = [(b"content-type", b"application/json")]
        headers += [tuple(text.encode("latin-1").split(b":", 1)) for text in asked.get("answer", [])]
        status = int(asked.get("status", ["200"])[0])
        body = json.dumps(told).encode()
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def describe(self, scope: Any, size: int, digest: str) -> dict[str, Any]:
        return {
            "service": self.name,
            "method": scope.get("method", "WEBSOCKET"),
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]
            ],
            "size": size,
            "sha256": digest,
        }

    async def _big(self, scope: Any, _receive: Any, send: Any) -> None:
        count = int(parse_qs(scope["query_string"].decode())["mib"][0])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(count):
            await send({"type": "http.response.body", "body": b"x" * MIB, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _stall(self, _scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def _break(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"half ", "more_body": True})
        raise RuntimeError("the service dies")

    async def _socket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.seen.append(self.describe(scope, 0, ""))
        chosen = scope["subprotocols"][0] if scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4001})
                return
            kind = "text" if message.get("text") is not None else "bytes"
            await send({"type": "websocket.send", kind: message[kind]})
        self.closed.set()


class StubLake(Stub):
    """A lake with one key, whose pages are those of a stub."""

    secret = SECRET
    number = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/api/v1/user", "/api/v1/auth/login"):
            await super().__call__(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
        if scope["path"] == "/api/v1/user":
            right = await self._key_of(scope)
            body: dict[str, Any] = {"user": {"id": "admin"}}
        else:
            sent = json.loads((await receive())["body"])
            assert (b"content-type", b"application/json") in scope["headers"]
            right = (sent["access_key_id"], sent["secret_access_key"]) == (KEY, self.secret)
            self.number += 1
            body = {"token": "a token"}
            cookie = f"internal_auth_session=lake-{self.number}; Path=/; HttpOnly"
            headers += [(b"set-cookie", cookie.encode())] if right else []
        await send({"type": "http.response.start", "status": 200 if right else 401, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body if right else {}).encode()})

    async def _key_of(self, scope: Any) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return given == b"Basic " + base64.b64encode(f"{KEY}:{self.secret}".encode())


@contextlib.contextmanager
def served(app: Asgi, where: Path | None = None) -> Iterator[str]:
    """Serve an application on a Unix domain socket, or on a loopback port; yield its address."""
    kind = socket.AF_INET if where is None else socket.AF_UNIX
    listening = socket.socket(kind)
    listening.bind(("127.0.0.1", 0) if where is None else str(where))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="critical",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=1 << 25,
    )
    server = uvicorn.Server(config)
    with running(lambda: server.run(sockets=[listening]), lambda: server.started):
        try:
            if where is None:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            else:
                yield f"unix:{where}"
        finally:
            server.should_exit = True
            server.force_exit = True
    listening.close()


@contextlib.contextmanager
def running(run: Callable[[], None], ready: Callable[[], bool]) -> Iterator[None]:
    """Run a server in a thread until the context ends; whoever ends it tells the server before."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not ready():
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.002)
    try:
        yield
    finally:
        thread.join(30)
