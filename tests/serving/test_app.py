"""The server by HTTP: MLflow's protocol, keys, bounds, and what a stranger might send."""

from __future__ import annotations

import copy
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops.runs.errors import ConfigError
from mlops.serving import app, server
from mlops.serving.keys import ApiKeys, open_to_all
from mlops.serving.server import ChampionServer
from mlops.steps.rollback import roll_back
from mlops.steps.workspace import Workspace
from tests.serving.conftest import Scene

ROW = b'{"dataframe_records": [{"loudness": 5.0}]}'
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server, and a key of it."""

    scene: Scene
    port: int
    key: str
    log: Path

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, key: str = ""
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            auth = {"authorization": f"Bearer {key or self.key}"}
            connection.request(method, path, body, {**auth, **(headers or {})})
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            connection.close()

    def predict(self, body: bytes = ROW, **headers: str) -> Answer:
        return self.ask("POST", "/invocations", body, {**JSON, **headers})

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            found = b""
            while chunk := connection.recv(65536):
                found += chunk
            return found


@contextmanager
def serving(scene: Scene, folder: Path) -> Iterator[Running]:
    """Serve the champion of a scene while the context lasts."""
    service = scene.service()
    service.start()
    keys = ApiKeys(folder / "keys.json")
    key, log = keys.create("test", 1), folder / "log" / "access.jsonl"
    served = ChampionServer({service.name: service}, keys.accepts, log=log)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        yield Running(scene, served.port, key, log)
    finally:
        served.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def running(better: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that no test promotes for."""
    folder = tmp_path_factory.mktemp("served")
    with serving(Scene(better, folder / "serving"), folder) as made:
        yield made


def test_predictions_name_the_promotion_that_gave_them(running: Running) -> None:
    found = running.predict()
    assert (found.status, found.document) == (200, {"predictions": ["rock"]})
    head = running.scene.workspace.lake.head("main")
    assert (found.headers["x-mlops-promotion"], found.headers["x-mlops-commit"]) == ("2", head)


def test_csv_is_taken(running: Running) -> None:
    found = running.ask(
        "POST", "/invocations", b"loudness\n-3\n5\n", {"content-type": "text/csv; charset=UTF-8"}
    )
    assert found.document == {"predictions": ["edm", "rock"]}


def test_the_state_is_told(running: Running) -> None:
    assert [running.ask("GET", path).status for path in ("/ping", "/health", "/version")] == [200, 200, 200]
    assert running.ask("GET", "/ping", key="wrong").status == 200
    listed = running.ask("GET", "/v1/models").document["models"]
    assert [(m["name"], m["promotion"], m["alarm"]) for m in listed] == [("tiny-genres", 2, None)]
    shown = running.ask("GET", "/v1/models/tiny-genres").document
    assert shown["schema"]["properties"] == {"loudness": {"type": ["number", "null"]}}


def test_a_rollback_is_served_without_a_restart(better: Workspace, tmp_path: Path) -> None:
    scene = Scene(copy.deepcopy(better), tmp_path / "serving")
    waiting = threading.Event()
    with serving(scene, tmp_path) as own:
        assert own.predict().headers["x-mlops-promotion"] == "2"
        assert roll_back.roll_back(scene.workspace.ports, "too loud") is not None
        for _ in range(200):
            if own.predict().headers["x-mlops-promotion"] == "1":
                break
            waiting.wait(0.05)
        assert own.predict().headers["x-mlops-promotion"] == "1"


@pytest.mark.parametrize("key", ["wrong", "mlops_0_0", " "])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/invocations"), ("GET", "/v1/models"), ("GET", "/none")]
)
def test_without_a_key_nothing_is_told(running: Running, key: str, method: str, path: str) -> None:
    found = running.ask(method, path, headers=JSON, key=key)
    assert (found.status, found.document["error_code"]) == (401, "UNAUTHENTICATED")
    assert found.headers["www-authenticate"] == "Bearer"


REFUSED: dict[str, tuple[int, str, bytes, dict[str, str], str]] = {
    "unknown column": (400, "/invocations", b'{"inputs": {"x": [1]}}', JSON, "unknown column 'x'"),
    "wrong type": (400, "/invocations", b'{"inputs": {"loudness": ["a"]}}', JSON, "must be double"),
    "no JSON": (400, "/invocations", b"{", JSON, "no JSON"),
    "nested": (400, "/invocations", b"[" * 100_000, JSON, "nested too deeply"),
    "other type": (415, "/invocations", b"x", {"content-type": "text/plain"}, "application/json or text/csv"),
    "no type": (415, "/invocations", b"x", {}, "application/json or text/csv"),
    "other charset": (415, "/invocations", b"", {"content-type": "text/csv; charset=utf-16"}, "UTF-8"),
    "too large": (413, "/invocations", b"", {**JSON, "content-length": str(2**40)}, "at most"),
    "no such pipeline": (404, "/v1/models/other/invocations", ROW, JSON, "no pipeline 'other' is served"),
    "no such page": (404, "/nothing", b"", JSON, "Not Found"),
    "other host": (400, "/invocations", ROW, {**JSON, "host": "evil.example"}, ""),
}


@pytest.mark.parametrize(("status", "path", "body", "headers", "what"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_in_one_sentence(
    running: Running, status: int, path: str, body: bytes, headers: dict[str, str], what: str
) -> None:
    found = running.ask("POST", path, body, headers)
    assert found.status == status
    if what:
        assert set(found.document) == {"error_code", "message"}
        assert what in found.document["message"]
    assert b"Traceback" not in found.body


def test_a_body_without_a_length_is_bounded_too(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MAX_BODY_BYTES", 1000)
    head = f"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {running.key}\r\n"
    chunked = (
        f"{head}content-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    found = running.raw(chunked.encode() + b"400\r\n" + b" " * 1024 + b"\r\n0\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_arrive_is_given_up(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_S", 0.05)
    head = f"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {running.key}\r\n"
    found = running.raw(f"{head}content-type: application/json\r\ncontent-length: 9\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 408 ")


def test_silent_connections_do_not_shut_others_out(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.ServingProtocol, "head_s", 0.05)
    silent = [socket.create_connection(("127.0.0.1", running.port), timeout=20) for _ in range(50)]
    try:
        assert running.predict().status == 200
        assert silent[0].recv(100).startswith(b"HTTP/1.1 408 ")
    finally:
        for connection in silent:
            connection.close()


def test_keys_that_cannot_be_read_are_no_way_in(running: Running) -> None:
    file = running.log.parent.parent / "keys.json"
    file.chmod(0o644)
    os.utime(file)
    try:
        found = running.predict()
    finally:
        file.chmod(0o600)
        os.utime(file)
    assert (found.status, found.document["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert str(file) not in found.document["message"]
    assert running.predict().status == 200


def test_the_log_holds_ids_and_no_rows(running: Running) -> None:
    assert running.predict(**{"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert running.predict(**{"x-request-id": "x" * 65}).headers["x-request-id"] != "x" * 65
    lines = [json.loads(line) for line in running.log.read_text(encoding="utf-8").splitlines()]
    mine = next(line for line in lines if line["request_id"] == "mine-1")
    assert (mine["status"], mine["promotion"]) == (200, "2")
    assert set(mine) == {"request_id", "method", "path", "status", "promotion", "commit", "taken_ms"}
    assert running.key not in running.log.read_text(encoding="utf-8")
    assert running.log.stat().st_mode & 0o777 == 0o600


def test_the_openapi_document_names_the_columns(running: Running) -> None:
    found = running.ask("GET", "/openapi.json").document
    assert found["openapi"].startswith("3.1")
    assert set(found["paths"]) >= {"/invocations", "/v1/models/tiny-genres/invocations", "/ping"}
    assert found["components"]["schemas"]["tiny-genres-row"]["properties"]["loudness"]["type"] == [
        "number",
        "null",
    ]


def test_requests_at_once_are_all_answered(running: Running) -> None:
    found: list[Answer] = []
    threads = [threading.Thread(target=lambda: found.append(running.predict())) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answer.document for answer in found] == [{"predictions": ["rock"]}] * 32


def test_a_port_that_is_taken_is_named(running: Running) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        ChampionServer({}, open_to_all, port=running.port)
