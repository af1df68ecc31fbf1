"""Lake servers with a scratch store of their own, and repositories filled quickly."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import Connection, LakeFSLake, connect
from mlops.runs.errors import ConfigError

#: Requests that are under way at once on one connection while a repository is filled.
_PIPELINED = 64
_CONNECTIONS = 8
_COMMIT_EVERY = 25_000


@dataclass(frozen=True)
class ScratchServer:
    """A lake server that ends with the context that started it.

    Attributes:
        name: ``embedded`` or ``lakeFS <version>``.
        connection: A connection to it.
        pid: Its process.
        state_dir: Where it keeps everything.
    """

    name: str
    connection: Connection
    pid: int
    state_dir: Path

    def repository(self, name: str, objects: int = 0) -> LakeFSLake:
        """Return a new repository whose `main` has so many committed objects below ``raw/filler/``."""
        self.connection.create_repository(name)
        lake = LakeFSLake(self.connection, name)
        for start in range(0, objects, _COMMIT_EVERY):
            paths = [f"raw/filler/{n:07d}.parquet" for n in range(start, min(start + _COMMIT_EVERY, objects))]
            fill(self.connection.credentials, name, paths)
            lake.commit("main", f"Bring {len(paths)} objects", {})
        return lake


@contextmanager
def scratch_server(kind: str, folder: Path) -> Iterator[ScratchServer]:
    """Start a server of a kind, ``embedded`` or ``lakefs``, below a folder; it is stopped in the end."""
    state_dir = folder / kind
    start = servers.start_embedded if kind == "embedded" else servers.start_lakefs
    try:
        connection = connect(start(state_dir))
        process = servers.running(state_dir)
        assert process is not None, "it has just been started"
        name = kind if kind == "embedded" else f"lakeFS {connection.version()}"
        yield ScratchServer(name, connection, process.pid, state_dir)
    finally:
        servers.stop(state_dir)


def real_lakefs_is_there() -> bool:
    """Tell whether the lakeFS program is installed."""
    try:
        servers.find_lakefs()
    except ConfigError:
        return False
    return True


def fill(credentials: Credentials, repository: str, paths: Sequence[str]) -> None:
    """Upload a few bytes to each path of `main`, many at once: one client could not send them as quickly.

    Raises:
        RuntimeError: The server refused one.
    """
    failures: list[BaseException] = []

    def work(part: Sequence[str]) -> None:
        try:
            _fill_on_one_connection(credentials, repository, part)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(paths[n::_CONNECTIONS],)) for n in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{repository} cannot be filled") from failures[0]


def _fill_on_one_connection(credentials: Credentials, repository: str, paths: Sequence[str]) -> None:
    address = urlsplit(credentials.endpoint)
    pair = f"{credentials.access_key_id}:{credentials.secret_access_key}"
    head = (
        f"Host: {address.netloc}\r\nAuthorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        "Content-Type: application/octet-stream\r\n"
    )
    resource = f"/api/v1/repositories/{repository}/branches/main/objects?path="
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=60) as connection:
        answers = connection.makefile("rb")
        for start in range(0, len(paths), _PIPELINED):
            batch = paths[start : start + _PIPELINED]
            connection.sendall(b"".join(_upload_request(resource, path, head) for path in batch))
            for path in batch:
                _read_answer(answers, path)


def _upload_request(resource: str, path: str, head: str) -> bytes:
    body = path.encode()
    line = f"POST {resource}{quote(path, safe='')} HTTP/1.1\r\n"
    return f"{line}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _read_answer(answers: IO[bytes], path: str) -> None:
    status = answers.readline()
    length = 0
    while (line := answers.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    body = answers.read(length)
    if b" 201 " not in status:
        raise RuntimeError(f"{path}: {status!r} {body[:200]!r}")
