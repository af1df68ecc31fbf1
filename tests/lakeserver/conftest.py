"""A running lake server, and a plain HTTP client for it."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from mlops.lakeserver import Credentials, Server, running_server

CREDENTIALS = Credentials("AKIATEST", "secret-of-the-test", "tester")

_numbers = itertools.count(1)


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return self.json["message"]


class Api:
    """Sends one request at a time; with `repository`, paths may begin with `R`."""

    def __init__(self, url: str, repository: str = "", credentials: Credentials | None = CREDENTIALS) -> None:
        parts = urlsplit(url)
        self.url = url
        self.repository = repository
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self._headers = {}
        if credentials:
            pair = f"{credentials.access_key_id}:{credentials.secret_access_key}".encode()
            self._headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()

    def close(self) -> None:
        self._connection.close()

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        /,
        *,
        data: Any = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        if path == "R" or path.startswith("R/"):
            path = f"/repositories/{self.repository}{path[1:]}"
        sent = self._headers | (headers or {})
        if body is not None:
            data = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        target = f"/api/v1{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        self._connection.request(method, target, data, sent)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def ok(self, *args: Any, **kwargs: Any) -> Any:
        """The answer's JSON (None where there is none), of a request that has to succeed."""
        answer = self(*args, **kwargs)
        assert answer.status < 300, (args, answer.status, answer.body)
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.json if is_json else (answer.body.decode() or None)

    def put(self, path: str, data: bytes | str = b"x", branch: str = "main", **headers: str) -> Any:
        """Uploads an object."""
        sent = {"Content-Type": "application/octet-stream"} | headers
        return self.ok("POST", f"R/branches/{branch}/objects", data=data, headers=sent, path=path)

    def commit(self, message: str = "a commit", branch: str = "main", **body: Any) -> Any:
        return self.ok("POST", f"R/branches/{branch}/commits", {"message": message, **body})

    def branch(self, name: str, source: str = "main") -> str:
        return self.ok("POST", "R/branches", {"name": name, "source": source})

    def merge(self, source: str, destination: str = "main", **body: Any) -> Answer:
        return self("POST", f"R/refs/{quote(source, safe='')}/merge/{destination}", body)

    def head(self, branch: str = "main") -> str:
        return self.ok("GET", f"R/branches/{branch}")["commit_id"]

    def read(self, path: str, ref: str = "main") -> bytes:
        answer = self("GET", f"R/refs/{quote(ref, safe='')}/objects", path=path)
        assert answer.status == 200, (path, ref, answer.status, answer.body)
        return answer.body

    def paths(self, ref: str = "main", **query: Any) -> list[str]:
        answer = self.ok("GET", f"R/refs/{quote(ref, safe='')}/objects/ls", amount=1000, **query)
        return [row["path"] for row in answer["results"]]

    def diff(self, left: str, right: str, **query: Any) -> list[tuple[str, str]]:
        target = f"R/refs/{quote(left, safe='')}/diff/{quote(right, safe='')}"
        return [(row["type"], row["path"]) for row in self.ok("GET", target, **query)["results"]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that need no own; each test has a repository of its own."""
    with running_server(tmp_path_factory.mktemp("lake") / "data", CREDENTIALS, durable=False) as running:
        yield running


@pytest.fixture
def new_api(request: pytest.FixtureRequest) -> Any:
    """Makes clients, and closes them."""

    def make(url: str, repository: str = "", credentials: Credentials | None = CREDENTIALS) -> Api:
        api = Api(url, repository, credentials)
        request.addfinalizer(api.close)
        return api

    return make


@pytest.fixture
def api(server: Server, new_api: Any) -> Api:
    """A client with an empty repository."""
    made = new_api(server.url, f"repo-{next(_numbers)}")
    made.ok(
        "POST", "/repositories", {"name": made.repository, "storage_namespace": f"local://{made.repository}"}
    )
    return made


@pytest.fixture
def program() -> Iterator[Any]:
    """Starts the server as a program, and ends it when the test is over."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlops.lakeserver", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environ,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def credentials() -> Credentials:
    return CREDENTIALS


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
