"""Clients that do nothing, or do it slowly, keep nobody else out."""

from __future__ import annotations

import base64
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver import Credentials, Server, running_server
from mlops.lakeserver.http.connections import ConnectionLimits, Connections, Phase

QUICK = ConnectionLimits(head_s=1.0, body_grace_s=1.0, stalled_s=2.0)
FEW = ConnectionLimits(total=12, anonymous=6, per_address=4, head_s=60.0)


@pytest.fixture
def serve(data_dir: Path, credentials: Credentials) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def start(limits: ConnectionLimits) -> Server:
            return stack.enter_context(
                running_server(data_dir, credentials, durable=False, connections=limits)
            )

        yield start


@pytest.fixture
def connect() -> Iterator[Any]:
    opened: list[socket.socket] = []

    def open_one(server: Server, sent: str = "", source: str = "127.0.0.1") -> socket.socket:
        host, port = server.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=30, source_address=(source, 0))
        opened.append(connection)
        if sent:
            connection.sendall(sent.encode())
        return connection

    yield open_one
    for connection in opened:
        connection.close()


def rest(connection: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def authorization(credentials: Credentials) -> str:
    pair = f"{credentials.access_key_id}:{credentials.secret_access_key}".encode()
    return f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"


def test_a_head_that_does_not_end_is_given_up(serve: Any, connect: Any) -> None:
    slow = connect(serve(QUICK), "GET /healthcheck HTTP/1.1\r\nHost: x\r\nX-A: ")
    answer = rest(slow)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(b'{"message":"the request did not come in within the time that it has"}\n')


def test_a_byte_now_and_then_does_not_prolong_a_head(serve: Any, connect: Any) -> None:
    slow = connect(serve(QUICK), "GET / HTTP/1.1\r\n")
    slow.settimeout(0.1)
    answer = b""
    for _ in range(300):
        with contextlib.suppress(TimeoutError, ConnectionError):
            answer = slow.recv(100)
            break
        with contextlib.suppress(ConnectionError):
            slow.sendall(b"X")
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_connection_on_which_nothing_comes_is_closed(serve: Any, connect: Any) -> None:
    assert rest(connect(serve(QUICK))) == b""


def test_a_second_request_has_to_come_as_fast(serve: Any, connect: Any) -> None:
    slow = connect(serve(QUICK), "GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert slow.recv(1000).startswith(b"HTTP/1.1 200")
    slow.sendall(b"\r\nGET / HT")
    assert rest(slow).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/v1/auth/login", "application/json"), ("/auth/login", "application/x-www-form-urlencoded")],
)
def test_an_anonymous_body_that_drips_is_given_up(serve: Any, connect: Any, path: str, kind: str) -> None:
    slow = connect(
        serve(QUICK),
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\nContent-Type: {kind}\r\n\r\n{{",
    )
    answer = rest(slow)
    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.count(b"HTTP/1.1") == 1


def test_an_upload_with_a_key_may_be_slow_but_not_stand_still(
    serve: Any, connect: Any, credentials: Credentials, new_api: Any
) -> None:
    server = serve(QUICK)
    api = new_api(server.url, "slow")
    api.ok("POST", "/repositories", {"name": "slow", "storage_namespace": "local://slow"})
    head = (
        "POST /api/v1/repositories/slow/branches/main/objects?path=a HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: 30\r\n{authorization(credentials)}\r\n"
    )
    slow = connect(server, head)
    slow.settimeout(0.1)
    for _ in range(30):
        slow.sendall(b"x")
        with contextlib.suppress(TimeoutError):
            assert slow.recv(1000).startswith(b"HTTP/1.1 201")
    assert api.read("a") == b"x" * 30
    assert rest(connect(server, head + "x")).startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_take_its_answer_is_let_go(
    serve: Any, connect: Any, credentials: Credentials, new_api: Any
) -> None:
    server = serve(QUICK)
    api = new_api(server.url, "slow")
    api.ok("POST", "/repositories", {"name": "slow", "storage_namespace": "local://slow"})
    api.put("large", b"x" * 30_000_000)
    slow = connect(
        server,
        "GET /api/v1/repositories/slow/refs/main/objects?path=large HTTP/1.1\r\nHost: x\r\n"
        f"{authorization(credentials)}\r\n",
    )
    # Nothing is read here until the server has given up: its other connections outlive that.
    connections = server._connections
    connect(server, "GET /_health HTTP/1.1\r\nHost: x\r\n\r\n").recv(1000)
    for _ in range(3):
        assert rest(connect(server)) == b""
    assert len(connections) < 3
    assert len(rest(slow)) < 30_000_000


def test_idle_sockets_leave_room_for_a_client_with_a_key(
    serve: Any, connect: Any, new_api: Any, credentials: Credentials
) -> None:
    """1,100 of them once kept the server from accepting anybody."""
    server = serve(ConnectionLimits())
    early = new_api(server.url, "first")
    early.ok("GET", "/repositories")
    for _ in range(1_100):
        connect(server)
    assert new_api(server.url).ok("GET", "/user")["user"]["id"] == credentials.user
    assert early.ok("GET", "/user")["user"]["id"] == credentials.user


def test_the_anonymous_connection_that_waited_longest_makes_room(
    serve: Any, connect: Any, new_api: Any
) -> None:
    server = serve(FEW)
    first, second, third, fourth = (connect(server) for _ in range(4))
    fifth = connect(server, "GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert fifth.recv(1000).startswith(b"HTTP/1.1 200")
    assert rest(first) == b""
    second.sendall(b"GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert second.recv(1000).startswith(b"HTTP/1.1 200")
    assert third.fileno() != fourth.fileno()


def test_another_address_has_room_of_its_own(serve: Any, connect: Any) -> None:
    server = serve(FEW)
    mine = [connect(server) for _ in range(4)]
    other = connect(server, "GET /_health HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.2")
    assert other.recv(1000).startswith(b"HTTP/1.1 200")
    mine[0].sendall(b"GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert mine[0].recv(1000).startswith(b"HTTP/1.1 200")


class Client:
    """A connection without a network."""

    def __init__(self, phase: Phase = Phase.IDLE) -> None:
        self.phase, self.since, self.address, self.body_bytes = phase, 0.0, "a", 0
        self.dropped: list[int] = []

    def waits_for_us(self) -> bool:
        return False

    def unsent_bytes(self) -> int:
        return 0

    def drop(self, status: int) -> None:
        self.dropped.append(status)


class Loop:
    def call_later(self, *_: object) -> None:
        return None


def test_clients_with_a_key_have_what_the_anonymous_may_not_take() -> None:
    connections = Connections(replace(FEW, per_address=6))
    loop: Any = Loop()
    known = [Client() for _ in range(6)]
    for one in known:
        assert connections.add(one, loop)
        connections.trust(one)
    strangers = [Client() for _ in range(20)]
    for one in strangers:
        assert connections.add(one, loop)
    assert [one.dropped for one in known] == [[]] * 6
    assert [bool(one.dropped) for one in strangers] == [True] * 14 + [False] * 6
    assert len(connections) == 12


def test_the_last_places_go_from_idle_clients_to_new_ones() -> None:
    connections = Connections(FEW)
    loop: Any = Loop()
    known = [Client(Phase.ANSWER if number == 0 else Phase.IDLE) for number in range(12)]
    for one in known:
        assert connections.add(one, loop)
        connections.trust(one)
    assert connections.add(Client(), loop)
    assert [number for number, one in enumerate(known) if one.dropped] == [1]
    for one in known:
        one.phase = Phase.ANSWER
    busy = Connections(FEW)
    for one in known:
        busy.add(one, loop)
        busy.trust(one)
    assert not busy.add(Client(), loop)


@pytest.mark.parametrize(
    ("descriptors", "total", "anonymous"), [(1_024, 640, 256), (256, 16, 8), (1 << 20, 640, 256)]
)
def test_the_limits_leave_descriptors_for_everything_else(
    descriptors: int, total: int, anonymous: int
) -> None:
    limits = ConnectionLimits().within(descriptors)
    assert (limits.total, limits.anonymous) == (total, anonymous)
    assert limits.per_address <= limits.anonymous


@pytest.mark.parametrize("path", ["/", "/repositories", "/api/v1/repositories", "/nosuch"])
def test_a_websocket_is_refused(server: Server, connect: Any, path: str) -> None:
    asked = connect(
        server,
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )
    answer = rest(asked)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b'{"message":"this server has no WebSockets"}\n')


def test_another_upgrade_is_ignored(server: Server, connect: Any) -> None:
    asked = connect(server, "GET /_health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert asked.recv(1000).startswith(b"HTTP/1.1 200")
