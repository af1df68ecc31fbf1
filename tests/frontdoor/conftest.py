"""A door on a free port, with a lake and two services behind it."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mlops.frontdoor.options import DoorOptions, Service
from mlops.frontdoor.server import Door
from tests.frontdoor.stubs import KEY, SECRET, Stub, StubLake, running, served


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Reply:
    """What a client received."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The only value of a header, or nothing."""
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) <= 1, found
        return found[0] if found else ""

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def received(self) -> dict[str, list[str]]:
        """The headers that the service saw, by name."""
        seen: dict[str, list[str]] = {}
        for name, value in self.document["headers"]:
            seen.setdefault(name, []).append(value)
        return seen


@dataclass
class House:
    """A door and what is behind it.

    Attributes:
        door: The door.
        lake: The lake.
        mlflow: A service whose prefix is stripped.
        dagster: A service whose prefix is kept.
        clock: The door's clock.
        control: Path of the socket on which codes are issued.
    """

    door: Door
    lake: StubLake
    mlflow: Stub
    dagster: Stub
    clock: Clock
    control: str

    @property
    def origin(self) -> str:
        return self.door.address

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.door.port}"

    def ask(self, method: str, path: str, body: Any = None, *, cookie: str = "", **headers: str) -> Reply:
        """Send one request; underscores in names of headers stand for hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            given["cookie"] = cookie
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=30)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def raw(self, sent: bytes) -> bytes:
        """Send bytes, and return all that comes back until the door closes."""
        with socket.create_connection(("127.0.0.1", self.door.port), timeout=30) as connection:
            connection.sendall(sent)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    def status_of(self, *lines: str) -> int:
        """Send a request written line by line; return its status."""
        received = self.raw("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        return int(received.split(b" ", 2)[1])

    def log_in(self, key: str = KEY, secret: str = SECRET, target: str = "/", **headers: str) -> Reply:
        """Send the login form as a page of the door does."""
        fields = {"access_key_id": key, "secret_access_key": secret, "next": target}
        sent = {"content_type": "application/x-www-form-urlencoded", "accept": "text/html"}
        return self.ask(
            "POST", "/auth/login", urlencode(fields), **{**sent, "origin": self.origin, **headers}
        )

    def session(self) -> str:
        """Log in; return the cookie to send."""
        return self.log_in().header("set-cookie").partition(";")[0]


def basic(key: str = KEY, secret: str = SECRET) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


@dataclass(frozen=True)
class Street:
    """What is behind every door of these tests, and where."""

    folder: Path
    lake: StubLake
    lake_at: str
    mlflow: Stub
    dagster: Stub

    def clear(self) -> None:
        """Forget what earlier tests did."""
        self.lake.secret, self.lake.number = SECRET, 0
        for stub in (self.lake, self.mlflow, self.dagster):
            stub.seen.clear()
            stub.left.clear()
            stub.closed.clear()


@pytest.fixture(scope="session")
def _street() -> Iterator[Street]:
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="door-"))
    lake, mlflow, dagster = StubLake("lake"), Stub("mlflow"), Stub("dagster")
    with (
        served(lake) as lake_at,
        served(mlflow, folder / "mlflow"),
        served(dagster, folder / "dagster"),
    ):
        yield Street(folder, lake, lake_at, mlflow, dagster)
    shutil.rmtree(folder)


@pytest.fixture
def street(_street: Street) -> Street:
    """The services, which know nothing of earlier tests."""
    _street.clear()
    return _street


MakeHouse = Callable[..., House]


@pytest.fixture(scope="session")
def _make(_street: Street) -> Iterator[MakeHouse]:
    with ExitStack() as stack:

        def make(*, lake_elsewhere: bool = False, **changes: Any) -> House:
            clock = Clock()
            control = str(_street.folder / f"control-{len(made)}")
            mlflow, dagster = (f"unix:{_street.folder / name}" for name in ("mlflow", "dagster"))
            options = {
                "port": 0,
                "control": control,
                "lake": Service("", "The lake", _street.lake_at, elsewhere=lake_elsewhere),
                "services": (
                    Service("mlflow", "MLflow", mlflow, strips_prefix=True),
                    Service("dagster", "Dagster", dagster),
                ),
                **changes,
            }
            door = Door(DoorOptions(**options), clock)
            stack.enter_context(running(door.run, lambda: door.ready))
            stack.callback(door.stop)
            made.append(door)
            return House(door, _street.lake, _street.mlflow, _street.dagster, clock, control)

        made: list[Door] = []
        yield make


@pytest.fixture
def make_house(_make: MakeHouse, street: Street) -> MakeHouse:
    """Make a house; `changes` are fields of the door's options."""
    assert not street.lake.seen
    return _make


@pytest.fixture(scope="session")
def _house(_make: MakeHouse) -> House:
    return _make()


@pytest.fixture
def house(_house: House, street: Street) -> House:
    """A door with a lake and two services; sessions, codes and failures of earlier tests are too old."""
    assert not street.lake.seen
    _house.clock.now += 1e6
    return _house
