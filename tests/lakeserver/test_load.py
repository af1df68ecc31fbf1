"""Many clients, slow clients, and requests that are larger than they may be."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mlops.lakeserver import Server
from mlops.lakeserver.http.protocol import MAX_HEAD_BYTES
from mlops.lakeserver.http.wire import MAX_BODY_BYTES
from mlops.lakeserver.store.verify import verify

SLOW_CLIENTS = 80
UPLOADS = 1002

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as opened:
        yield opened


def head(api: Any, method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} /api/v1/repositories/{api.repository}{path} HTTP/1.1", "Host: x"]
    lines += [f"Authorization: {api._headers['Authorization']}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def test_more_uploads_than_a_page_from_many_threads(server: Server, api: Any, new_api: Any) -> None:
    def upload(numbers: range) -> None:
        client = new_api(server.url, api.repository)
        for number in numbers:
            client.put(f"f{number:04d}", b"%d" % number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(upload, [range(first, UPLOADS, 16) for first in range(16)]))
    commit = api.commit()
    first = api.paths("main@")
    assert first + api.paths("main@", after=first[-1]) == [f"f{number:04d}" for number in range(UPLOADS)]
    assert api.read("f1001", commit["id"]) == b"1001"
    assert verify(server.lake.store) == []


def test_clients_that_neither_send_nor_read_hold_nobody_up(server: Server, api: Any) -> None:
    api.put("large", b"x" * 4_000_000)
    api.commit()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connection(server)) for _ in range(3 * SLOW_CLIENTS)]
        for opened in slow[:SLOW_CLIENTS]:
            opened.sendall(head(api, "GET", "/refs/main/objects?path=large"))
        for number, opened in enumerate(slow[SLOW_CLIENTS : 2 * SLOW_CLIENTS]):
            begun = head(api, "POST", f"/branches/main/objects?path=slow{number}", "Content-Length: 300000")
            opened.sendall(begun + b"y" * 100_000)
        for opened in slow[2 * SLOW_CLIENTS :]:
            opened.sendall(
                head(api, "POST", "/branches", "Content-Type: application/json")[:-2] + b"Content-"
            )
        for number in range(20):
            api.put(f"quick/{number}", b"z")
        api.commit()
        assert api.merge("main", "main").status == 400
        assert len(api.paths("main@", prefix="quick/")) == 20
        last = slow[2 * SLOW_CLIENTS - 1]
        last.sendall(b"y" * 200_000)
        assert last.recv(100).startswith(b"HTTP/1.1 201")
    assert api.read(f"slow{SLOW_CLIENTS - 1}") == b"y" * 300_000


def test_a_body_without_an_announced_size_is_refused_once_it_is_too_large(server: Server, api: Any) -> None:
    sent = 0
    with connection(server) as opened:
        chunked = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        opened.sendall(head(api, "POST", "/branches", *chunked))
        with contextlib.suppress(OSError):
            while sent < 4 * MAX_BODY_BYTES:
                opened.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
                sent += 1 << 20
                opened.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if opened.recv(12, socket.MSG_PEEK):
                        break
                opened.settimeout(20)
        opened.settimeout(20)
        answer = opened.recv(12)
    assert answer == b"HTTP/1.1 413"
    assert sent < 4 * MAX_BODY_BYTES


@pytest.mark.parametrize("start", [b"GET /api/v1/user HTTP/1.1\r\nX: ", b"GET /", b"X"])
def test_a_head_that_does_not_end_is_refused(server: Server, api: Any, start: bytes) -> None:
    sent = 0
    with connection(server) as opened:
        opened.sendall(start)
        with contextlib.suppress(OSError):
            while sent < 20 * MAX_HEAD_BYTES:
                opened.sendall(b"a" * 65_536)
                sent += 65_536
    assert sent < 20 * MAX_HEAD_BYTES
    assert api.paths() == []


def test_a_large_head_within_the_limit_is_read(server: Server, api: Any) -> None:
    prefixes = [f"p{number:04d}/" * 5 for number in range(1000)]
    answer = api("GET", "R/refs/main/commits", prefixes=prefixes, headers={"X-Much": "a" * 500_000})
    assert (answer.status, answer.json["results"]) == (200, [])
