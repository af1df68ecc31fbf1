"""What is passed on and back: headers, bodies of any size, WebSockets; what is said when nobody answers."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mlops.frontdoor.options import DoorOptions, Service
from tests.frontdoor.conftest import House, MakeHouse, Street, basic
from tests.frontdoor.stubs import MIB

KEYED = {"authorization": basic()}


class TestHeadersIn:
    def test_of_one_connection_stay_there(self, house: House) -> None:
        lines = [
            "GET /mlflow/ HTTP/1.1",
            f"Host: {house.host}",
            f"Authorization: {basic()}",
            "Connection: keep-alive, X-Private, Host, Authorization",
            "X-Private: 1",
            "Keep-Alive: 5",
            "Proxy-Connection: x",
            "TE: trailers",
            "Proxy-Authorization: x",
            "Trailer: x",
            "X-Kept: yes",
        ]
        received = house.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        names = {name for name, _ in json.loads(received.partition(b"\r\n\r\n")[2])["headers"]}

        assert names <= {"host", "x-kept", "connection"}
        assert "x-kept" in names

    @pytest.mark.parametrize(
        "name",
        [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Prefix",
            "X-Real-IP",
            "Remote-User",
            "X-Remote-User",
            "X-Auth-Request-User",
            "X-HTTP-Method-Override",
            "X-Original-URL",
            "X_Forwarded_For",
            "X-Script-Name",
            "Authorization",
            "Referer",
            "Via",
            "X_Anything",
        ],
    )
    @pytest.mark.parametrize("path", ["/mlflow/", "/dagster/"])
    def test_that_claim_something_are_dropped(self, house: House, name: str, path: str) -> None:
        given = {"x-kept": "é", **KEYED, name.lower(): KEYED.get(name.lower(), "127.0.0.1")}
        lines = [f"{key}: {value}" for key, value in given.items()]
        sent = [f"GET {path} HTTP/1.1", f"Host: {house.host}", *lines, "Connection: close", "", ""]
        told = json.loads(house.raw("\r\n".join(sent).encode()).partition(b"\r\n\r\n")[2])

        names = {key for key, _ in told["headers"]}
        assert name.lower() not in names
        assert ["x-kept", "é".encode().decode("latin-1")] in told["headers"]

    def test_metadata_reaches_the_lake(self, house: House) -> None:
        answer = house.ask("GET", "/api/v1/x", x_kept="1", **KEYED, **{"x-lakefs-meta-a_b": "1"})

        assert "x-kept" in answer.received

    def test_are_not_split_by_what_a_value_contains(self, house: House) -> None:
        sent = (
            f"GET /mlflow/ HTTP/1.1\r\nHost: {house.host}\r\nAuthorization: {basic()}\r\nX-A: 1\nX-B: 2\r\n"
        )

        assert house.raw(f"{sent}Connection: close\r\n\r\n".encode()).split(b" ", 2)[1] == b"400"

    @pytest.mark.parametrize(
        "lines",
        [
            ["Content-Length: 5", "Transfer-Encoding: chunked"],
            ["Content-Length: 5", "Content-Length: 6"],
            ["Content-Length: +5"],
            ["Transfer-Encoding: chunked, identity"],
            ["Transfer-Encoding : chunked"],
        ],
    )
    def test_that_say_two_things_of_the_length_smuggle_nothing(self, house: House, lines: list[str]) -> None:
        head = ["POST /mlflow/ HTTP/1.1", f"Host: {house.host}", f"Authorization: {basic()}", *lines]
        body = "0\r\n\r\nGET /mlflow/smuggled HTTP/1.1\r\n\r\n"
        house.raw("\r\n".join([*head, "Connection: close", "", body]).encode())

        assert all("smuggled" not in request["path"] for request in house.mlflow.seen)

    def test_larger_than_a_head_may_be_are_refused(self, house: House) -> None:
        sent = f"GET / HTTP/1.1\r\nHost: {house.host}\r\n" + f"X-A: {'x' * 8000}\r\n" * 33

        with socket.create_connection(("127.0.0.1", house.door.port), timeout=20) as connection:
            connection.sendall(sent.encode())
            assert connection.recv(65536).split(b" ", 2)[1] == b"431"


class TestHeadersOut:
    def answer(self, house: House, path: str, *headers: str, status: int = 200) -> list[tuple[str, str]]:
        query = "&".join([f"status={status}", *(f"answer={header}" for header in headers)])
        answer = house.ask("GET", f"{path}?{query}", **KEYED)
        assert answer.status == status
        return [(name.lower(), value) for name, value in answer.headers]

    @pytest.mark.parametrize(
        ("path", "given", "shown"),
        [
            ("/mlflow/", "/x?a=b", "/mlflow/x?a=b"),
            ("/mlflow/", "http://localhost/x", "/mlflow/x"),
            ("/mlflow/", "/mlflow/x", "/mlflow/x"),
            ("/mlflow/", "x/y", "x/y"),
            ("/mlflow/", "https://docs.example/x", "https://docs.example/x"),
            ("/dagster/", "/dagster", "/dagster"),
            ("/dagster/", "http://localhost/dagster/x", "/dagster/x"),
            ("/dagster/", "/runs", "/dagster/runs"),
            ("/repositories", "/auth/login?next=x", "/auth/login?next=x"),
        ],
    )
    def test_lead_to_the_door(self, house: House, path: str, given: str, shown: str) -> None:
        from urllib.parse import quote

        assert ("location", shown) in self.answer(house, path, f"location:{quote(given)}", status=302)

    def test_cookies_stay_below_their_service(self, house: House) -> None:
        from urllib.parse import quote

        given = ["a=1; Path=/; Domain=localhost; HttpOnly", "b=2", "c=3; path=/sub; SameSite=Lax"]
        reserved = ["internal_auth_session=x; Path=/", f"mlops_session_{house.door.port}=x; Path=/"]
        found = self.answer(house, "/mlflow/", *(f"set-cookie:{quote(text)}" for text in given + reserved))

        assert [value for name, value in found if name == "set-cookie"] == [
            "a=1; Path=/mlflow/; HttpOnly",
            "b=2; Path=/mlflow/",
            "c=3; Path=/mlflow/sub; SameSite=Lax",
        ]

    def test_let_no_other_origin_read(self, house: House) -> None:
        allowed = "access-control-allow-origin:*"
        found = dict(self.answer(house, "/mlflow/", allowed, "access-control-allow-credentials:true"))

        assert not [name for name in found if name.startswith("access-control-")]
        assert found["cross-origin-resource-policy"] == "same-origin"
        assert found["x-frame-options"] == "SAMEORIGIN"
        assert "server" not in found

    def test_are_said_once(self, house: House) -> None:
        found = self.answer(house, "/mlflow/", "date:Thu, 01 Jan 1970 00:00:00 GMT".replace(" ", "%20"))

        assert len([value for name, value in found if name == "date"]) == 1

    def test_of_files_that_runs_wrote_keep_scripts_from_running(self, house: House) -> None:
        for path in ("/mlflow/get-artifact", "/mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/x"):
            assert dict(self.answer(house, path))["content-security-policy"] == "sandbox"


class TestBodies:
    def test_arrive_whole(self, house: House) -> None:
        body = bytes(range(256)) * 4096 * 3

        for given in (body, iter([body[:1000], body[1000:]])):
            told = house.ask("PUT", "/mlflow/x", given, **KEYED).document
            assert (told["size"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())

    def test_none_is_none(self, house: House) -> None:
        received = house.ask("DELETE", "/dagster/x", **KEYED).received

        assert "transfer-encoding" not in received
        assert received.get("content-length", ["0"]) == ["0"]

    def test_broken_off_by_the_client_are_not_taken_for_whole(self, house: House) -> None:
        head = f"PUT /mlflow/x HTTP/1.1\r\nHost: {house.host}\r\nContent-Length: 10\r\n"
        with socket.create_connection(("127.0.0.1", house.door.port)) as connection:
            connection.sendall(f"{head}Authorization: {basic()}\r\n\r\nhalf".encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert house.ask("GET", "/mlflow/after", **KEYED).status == 200

        assert [told["path"] for told in house.mlflow.seen] == ["/after"]

    def test_broken_off_by_the_service_are_not_taken_for_whole(self, house: House) -> None:
        sent = f"GET /mlflow/break HTTP/1.1\r\nHost: {house.host}\r\nAuthorization: {basic()}\r\n\r\n"
        received = house.raw(sent.encode())

        assert b"content-length: 10" in received.lower()
        assert received.endswith(b"half ")

    def test_are_not_read_for_a_client_that_has_gone(self, house: House) -> None:
        with socket.create_connection(("127.0.0.1", house.door.port)) as connection:
            head = f"GET /mlflow/stall HTTP/1.1\r\nHost: {house.host}\r\nAuthorization: {basic()}\r\n\r\n"
            connection.sendall(head.encode())
            while b"first" not in connection.recv(65536):
                pass

        assert house.mlflow.left.wait(20)

    def test_end_with_the_session(self, house: House) -> None:
        cookie = house.session()
        with socket.create_connection(("127.0.0.1", house.door.port), timeout=20) as connection:
            head = f"GET /mlflow/stall HTTP/1.1\r\nHost: {house.host}\r\nCookie: {cookie}\r\n\r\n"
            connection.sendall(head.encode())
            while b"first" not in connection.recv(65536):
                pass
            house.ask("POST", "/auth/logout", cookie=cookie, origin=house.origin)
            received = b""
            while piece := connection.recv(65536):
                received += piece

        assert not received.endswith(b"0\r\n\r\n")
        assert house.mlflow.left.wait(20)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the peak of a process's memory is read from /proc"
)
class TestMemory:
    @pytest.fixture
    def process(self, street: Street) -> Iterator[tuple[int, int]]:
        """A door in a process of its own: its port and its process id."""
        mlflow = Service("mlflow", "MLflow", f"unix:{street.folder / 'mlflow'}", strips_prefix=True)
        lake = Service("", "The lake", street.lake_at)
        file = street.folder / "door.json"
        file.write_text(DoorOptions(0, str(street.folder / "control"), lake, (mlflow,)).dump())
        command = [sys.executable, "-m", "mlops.frontdoor", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as door:
            assert door.stdout is not None
            port = int(door.stdout.readline().rpartition(":")[2])
            yield port, door.pid
            door.terminate()

    def test_does_not_grow_with_a_body(self, process: tuple[int, int]) -> None:
        port, pid = process
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("PUT", "/mlflow/x", b"x" * MIB, KEYED)
        connection.getresponse().read()
        before = _peak_bytes(pid)

        connection.request("PUT", "/mlflow/x", iter([b"x" * MIB] * 128), KEYED)
        assert json.loads(connection.getresponse().read())["size"] == 128 * MIB
        connection.request("GET", "/mlflow/big?mib=128", headers=KEYED)
        answer, size = connection.getresponse(), 0
        while piece := answer.read(MIB):
            size += len(piece)
        connection.close()

        assert size == 128 * MIB
        assert _peak_bytes(pid) - before < 16 * MIB


def _peak_bytes(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


class TestNobodyAnswers:
    @pytest.fixture
    def house(self, make_house: MakeHouse, street: Street) -> House:
        service = Service(
            "mlflow", "MLflow", f"unix:{street.folder}/none", strips_prefix=True, log="/logs/mlflow.log"
        )
        return make_house(services=(service,))

    def test_page_says_what_to_do(self, house: House) -> None:
        answer = house.ask("GET", "/mlflow/", accept="text/html", **KEYED)

        assert answer.status == 502
        page = answer.body.decode()
        assert "MLflow is not running" in page
        assert "<code>mlops up</code>" in page
        assert "<code>/logs/mlflow.log</code>" in page

    def test_programs_get_json(self, house: House) -> None:
        answer = house.ask("POST", "/mlflow/x", b"{}", **KEYED)

        assert answer.status == 502
        assert "mlops up" in answer.document["message"]


class TestWebSocket:
    def open(self, house: House, path: str = "/dagster/graphql", **headers: str) -> ClientConnection:
        given = {"origin": house.origin, **headers}
        origin = given.pop("origin")
        protocols = [Subprotocol("graphql-ws")]
        address = f"ws://{house.host}{path}"
        return connect(
            address,
            additional_headers={**given, **({"Origin": origin} if origin else {})},
            subprotocols=protocols,
            max_size=1 << 25,
            proxy=None,
        )

    def test_carries_messages_both_ways(self, house: House) -> None:
        with self.open(house, cookie=house.session()) as opened:
            assert opened.subprotocol == "graphql-ws"
            for message in ("héllo", b"\x00\xff", "", "x" * (8 * MIB)):
                opened.send(message)
                assert opened.recv(timeout=20) == message
            told = house.dagster.seen[0]
            assert told["path"] == "/dagster/graphql"
            assert {"cookie", "authorization", "origin"} & {name for name, _ in told["headers"]} <= {"origin"}
        assert house.dagster.closed.wait(20)

    def test_is_closed_as_the_service_closes_it(self, house: House) -> None:
        with self.open(house, cookie=house.session()) as opened:
            opened.send("close")
            with pytest.raises(ConnectionClosed) as closed:
                opened.recv(timeout=20)

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
    def test_of_another_page_is_refused(self, house: House, origin: str) -> None:
        with pytest.raises(InvalidStatus), self.open(house, cookie=house.session(), origin=origin):
            pass
        assert house.dagster.seen == []

    @pytest.mark.parametrize("path", ["/dagster/graphql", "/mlflow/x", "/api/v1/x"])
    def test_needs_a_login(self, house: House, path: str) -> None:
        with pytest.raises(InvalidStatus), self.open(house, path):
            pass
        assert house.dagster.seen == house.mlflow.seen == house.lake.seen == []

    def test_opens_with_the_key(self, house: House) -> None:
        with self.open(house, origin="", authorization=basic()) as opened:
            opened.send("x")
            assert opened.recv(timeout=20) == "x"

    def test_ends_with_the_session(self, house: House) -> None:
        cookie = house.session()
        with self.open(house, cookie=cookie) as opened:
            opened.send("x")
            assert opened.recv(timeout=20) == "x"
            house.ask("POST", "/auth/logout", cookie=cookie, origin=house.origin)
            with pytest.raises(ConnectionClosed) as closed:
                opened.recv(timeout=20)

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
