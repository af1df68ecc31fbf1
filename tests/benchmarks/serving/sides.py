"""The three servers as processes, with the model of one promotion."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops.adapters import server_process

OURS, MLFLOW, BARE = "ours", "mlflow", "bare"
READY_S = 120.0


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        port: Its port on loopback.
        pid: Its process.
        ready_s: How long it took from its start to its first answer.
        headers: What its requests need.
    """

    port: int
    pid: int
    ready_s: float
    headers: Mapping[str, str]

    def client(self) -> Client:
        """Return a new connection."""
        return Client(self)

    def memory_mib(self) -> float:
        """Return the resident memory of it and of the processes that it started."""
        listed = subprocess.run(
            ["ps", "-eo", "pid,ppid,rss"], capture_output=True, text=True, check=True
        ).stdout.split("\n")[1:]
        rows = [tuple(map(int, line.split())) for line in listed if line.strip()]
        family = {self.pid}
        for _ in range(4):
            family |= {pid for pid, parent, _ in rows if parent in family}
        return sum(rss for pid, _, rss in rows if pid in family) / 1024


class Client:
    """One connection that is kept open."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def predict(self, body: bytes) -> list[float]:
        """Return the predictions for a body.

        Raises:
            RuntimeError: The server answered something else.
        """
        headers = {"content-type": "application/json", **self._server.headers}
        self._connection.request("POST", "/invocations", body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {content[:300]!r}")
        return json.loads(content)["predictions"]


@contextmanager
def serve_ours(state_dir: Path) -> Iterator[Server]:
    """Run ``mlops serve flights`` on a state folder whose lake runs."""
    port = server_process.free_port(0)
    command = [sys.executable, "-m", "mlops.cli", "--state-dir", str(state_dir), "serve", "flights"]
    with _running([*command, "--port", str(port)], port, {}) as (pid, ready_s):
        key = (state_dir / "serving" / "default.key").read_text(encoding="ascii").strip()
        yield Server(port, pid, ready_s, {"authorization": f"Bearer {key}"})


@contextmanager
def serve_mlflow(model: Path) -> Iterator[Server]:
    """Run ``mlflow models serve`` on a model's folder, in this environment, with one worker."""
    port = server_process.free_port(0)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    # Its command starts uvicorn by name.
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    with _running([*command, "--env-manager", "local", "-h", "127.0.0.1"], port, path) as (pid, ready_s):
        yield Server(port, pid, ready_s, {})


@contextmanager
def serve_bare(model: Path) -> Iterator[Server]:
    """Run the bare application on a model's folder."""
    port = server_process.free_port(0)
    command = [sys.executable, "-m", "tests.benchmarks.serving.bare", str(model), str(port)]
    with _running(command, port, {}) as (pid, ready_s):
        yield Server(port, pid, ready_s, {})


@contextmanager
def _running(command: list[str], port: int, env: Mapping[str, str]) -> Iterator[tuple[int, float]]:
    began_s = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - began_s > READY_S:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(0.05)
        yield process.pid, time.monotonic() - began_s
    finally:
        # MLflow's server is a process that its command started.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
