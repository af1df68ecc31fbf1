"""The server of champions as a process: its port, the watching of `main`, until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from mlops.http_limits import BoundedProtocol
from mlops.runs.errors import ConfigError
from mlops.serving.app import make_app
from mlops.serving.service import Service

if TYPE_CHECKING:
    from mlops.serving.keys import Accepts

HOST = "127.0.0.1"
BACKLOG = 512
#: How often `main` is looked at: a promotion is to answer within a second.
POLL_S = 0.25
GRACE_S = 20

_HOSTS = ("127.0.0.1", "localhost")


class ServingProtocol(BoundedProtocol):
    """HTTP within the limits of a server of predictions."""

    max_connections = 1024
    max_head_bytes = 64 * 1024


class Watch:
    """A thread that looks at `main` again and again, and has champions exchanged.

    Args:
        services: The champions.
        poll_s: Time between two looks, seconds.
    """

    def __init__(self, services: Mapping[str, Service], poll_s: float = POLL_S) -> None:
        self._services = services
        self._poll_s = poll_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(self._poll_s):
            for service in self._services.values():
                service.refresh()


class ChampionServer:
    """A server that listens on loopback; `run` answers until a signal or `stop`.

    Args:
        services: Pipeline to its champion, started.
        accepts: Whether a key may ask.
        port: Port; 0 takes a free one.
        certificate: Files of the TLS certificate and its key; None for plain HTTP.
        log: File for a line of JSON per request; None for none.
        hosts: Further names in the Host header that are answered, without ports.

    Raises:
        ConfigError: The port is taken, or the log cannot be written.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        accepts: Accepts,
        *,
        port: int = 0,
        certificate: tuple[Path, Path] | None = None,
        log: Path | None = None,
        hosts: tuple[str, ...] = (),
    ) -> None:
        self._services = services
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"{'https' if certificate else 'http'}://{HOST}:{self.port}"
        app = make_app(services, accepts, (*_HOSTS, *hosts), _logging_to(log))
        tls: dict[str, Any] = {}
        if certificate is not None:
            tls = {"ssl_certfile": str(certificate[0]), "ssl_keyfile": str(certificate[1])}
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=ServingProtocol,
                ws="none",
                loop="uvloop" if os.name != "nt" else "asyncio",
                lifespan="off",
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=GRACE_S,
                **tls,
            )
        )

    def run(self) -> None:
        """Answer until a signal; requests that are under way are answered first."""
        with Watch(self._services), _signals_end_only_the_server():
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from another thread."""
        self._server.should_exit = True


@contextmanager
def _signals_end_only_the_server() -> Iterator[None]:
    """Let a signal end the server, not the process: uvicorn raises it once more when it has stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _ignored) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored(_number: int, _frame: object) -> None:
    """Do nothing with a signal."""


def _listening(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise ConfigError(
            f"cannot listen: {error.strerror}", where=f"{HOST}:{port}", todo="choose another --port"
        ) from error
    return found


def _logging_to(file: Path | None) -> Callable[[dict[str, Any]], None] | None:
    if file is None:
        return None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(file)) from error

    def log(facts: dict[str, Any]) -> None:
        try:
            os.write(descriptor, (json.dumps(facts) + "\n").encode())
        except OSError as error:
            # A full disk must not take the answers away.
            sys.stderr.write(f"access log: {error.strerror}\n")

    return log
