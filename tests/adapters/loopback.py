"""A tiny HTTP server on loopback that answers as a test says and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    client_port: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back; ``cut`` announces more bytes than are sent, ``drop`` closes without an answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    drop: bool = False
    hang: threading.Event | None = None


def json_answer(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def page(rows: list[dict[str, Any]], next_offset: str = "") -> Answer:
    pagination = {
        "has_more": bool(next_offset),
        "next_offset": next_offset,
        "results": len(rows),
        "max_per_page": 1000,
    }
    return json_answer({"pagination": pagination, "results": rows})


@dataclass
class Loopback:
    """The server: ``answer`` is called for each request, in the order of ``requests``."""

    address: str
    requests: list[Request]
    answer: Callable[[Request], Answer]

    def script(self, *answers: Answer) -> None:
        """Give these answers in turn; the last one also to whatever follows."""
        left = list(answers)
        self.answer = lambda _request: left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def loopback() -> Iterator[Loopback]:
    """Run the server while the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    state = Loopback(f"http://127.0.0.1:{server.server_address[1]}", [], lambda _request: Answer(500))
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        state: Loopback = self.server.state  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query, keep_blank_values=True)
        request = Request(self.command, parts.path, query, dict(self.headers), body, self.client_address[1])
        state.requests.append(request)
        self._reply(state.answer(request))

    def _reply(self, answer: Answer) -> None:
        if answer.hang is not None:
            answer.hang.wait(10)
        if answer.drop or answer.hang is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body) + (10 if answer.cut else 0)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        if answer.cut:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        del format, args
