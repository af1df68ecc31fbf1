"""Running the server: in this process until told to stop, or in a thread for a test."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.http.auth import Authenticator, Credentials
from mlops.lakeserver.http.connections import ConnectionLimits
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.files import Files
from mlops.lakeserver.store.lock import DESCRIPTION, StoreUnusable

DEFAULT_LISTEN = "127.0.0.1:8000"
READY_S = 30.0
BACKLOG = 1024
WANTED_DESCRIPTORS = 4096


class ListenRefused(ValueError):
    """The address is not one of this machine's own."""


@dataclass(frozen=True)
class Options:
    """The options of a server.

    Attributes:
        data: the store's folder.
        listen: host and port; port 0 takes a free one.
        durable: whether an answer waits until what it acknowledges is on disk.
        clock: seconds since 1970.
        new_id: ids for pull requests and runs of hooks; None for lakeFS's kind.
        files: what stands between the store and the file system.
        hooks: whether hooks are run.
        import_from: the folder of which files may be imported; None for no folder.
        webhooks: the addresses (host, or host:port) that webhooks may reach.
        connections: how many clients there may be, and how long they may take.
    """

    data: Path
    credentials: Credentials
    listen: str = DEFAULT_LISTEN
    durable: bool = True
    clock: Callable[[], float] = time.time
    new_id: Callable[[], str] | None = None
    files: Files | None = None
    hooks: bool = True
    import_from: Path | None = None
    webhooks: tuple[str, ...] = ()
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)


class Server:
    """A server that listens and does not yet answer; `run` answers until `stop`.

    Its address is in `server.json` of the store's folder until it is closed.

    Raises:
        ListenRefused: the address is not loopback.
        StoreInUse: another server has the folder.
        FormatMismatch: the folder holds a store of another form, or what is left of one.
        OSError: the address is taken.
    """

    def __init__(self, options: Options) -> None:
        host, port = _loopback(options.listen)
        self._options = options
        self._store = Store(options.data, durable=options.durable, files=options.files)
        self.credentials = options.credentials
        self.lake = Lake(
            self._store, clock=options.clock, new_id=options.new_id, import_from=options.import_from
        )
        self._description = options.data / DESCRIPTION
        with ExitStack() as opened:
            opened.callback(self._store.close)
            try:
                self._uvicorn = self._prepare()
            except LakeError as error:
                raise StoreUnusable(f"{options.data} cannot be used: {error.message}") from error
            self._socket = _bound(host, port)
            opened.callback(self._socket.close)
            self.url = f"http://{_shown(host)}:{self._socket.getsockname()[1]}"
            self._store.lock.describe(self.url)
            self._description.write_text(json.dumps({"pid": os.getpid(), "address": self.url}) + "\n")
            opened.pop_all()

    def _prepare(self) -> Any:
        import uvicorn

        from mlops.lakeserver.http.app import Application
        from mlops.lakeserver.http.connections import Connections
        from mlops.lakeserver.http.protocol import LimitedProtocol
        from mlops.lakeserver.pages.site import site
        from mlops.lakeserver.store.session_rows import SessionRows

        if self._options.hooks:
            self._start_hooks()
        authenticator = Authenticator(
            self.credentials,
            self._store.secret,
            lambda fingerprint: SessionRows(self._store, fingerprint),
            self._options.clock,
        )
        self._application = Application(self.lake, authenticator, site(self.lake, authenticator))
        self._connections = Connections(self._options.connections.within(_descriptors()))
        config = uvicorn.Config(
            self._application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            # Whoever asks could say to be somewhere else.
            proxy_headers=False,
            http=partial(LimitedProtocol, self._connections),  # type: ignore[arg-type]  # a factory will do
            ws="none",
            loop="uvloop" if os.name != "nt" else "asyncio",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
        )
        return uvicorn.Server(config)

    def _start_hooks(self) -> None:
        from mlops.lakeserver.hooks.engine import HookEngine
        from mlops.lakeserver.hooks.interface import Limits
        from mlops.lakeserver.hooks.webhook.http_post import check_address
        from mlops.lakeserver.http.hook_view import View
        from mlops.lakeserver.operations.actions import Runs

        self.lake.hooks = HookEngine(
            View(self.lake, self.credentials.user),
            Runs(self.lake),
            clock=self.lake.now_utc,
            new_id=self.lake.new_id,
            limits=Limits(webhook_addresses=tuple(map(check_address, self._options.webhooks))),
        )

    def run(self) -> None:
        """Answer until stopped, by `stop` or by a signal; then everything is closed."""
        if threading.current_thread() is threading.main_thread():
            # uvicorn stops at these signals and then raises them again, which must not keep us from closing.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self.close()

    def close(self) -> None:
        """Let go of everything."""
        self._description.unlink(missing_ok=True)
        self._application.close()
        self.lake.tasks.close()
        if self.lake.hooks is not None:
            self.lake.hooks.close()
        self._socket.close()
        self._store.close()

    @property
    def ready(self) -> bool:
        """Return whether it answers."""
        return self._uvicorn.started

    def stop(self) -> None:
        """Make `run` return once what is being answered has been."""
        self._uvicorn.should_exit = True


def _descriptors() -> int:
    """Return how many files this process may have open, after asking for as many as it may use."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows has no such limit
        return WANTED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = WANTED_DESCRIPTORS if hard == unlimited else min(WANTED_DESCRIPTORS, hard)
    if soft != unlimited and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return WANTED_DESCRIPTORS if soft == unlimited else soft


def _loopback(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if host == "localhost":
        host = "127.0.0.1"
    try:
        loopback = ipaddress.ip_address(host).is_loopback
        number = int(port)
    except ValueError:
        raise ListenRefused(
            f"{listen!r} is not an address: give a loopback address and a port, as 127.0.0.1:8000"
        ) from None
    if not loopback or not 0 <= number < 65536:
        raise ListenRefused(
            f"{listen!r} is not on this machine alone: the lake server listens on loopback addresses only"
        )
    return host, number


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From now on clients wait instead of being refused.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    listening.setblocking(False)
    return listening


@contextmanager
def running_server(
    data_dir: Path, credentials: Credentials, *, listen: str = "127.0.0.1:0", **options: Any
) -> Iterator[Server]:
    """Return a server that answers, in a thread of this process, while the context lasts.

    `options` are the other fields of `Options`.

    Raises:
        RuntimeError: it did not start within 30 s.
    """
    server = Server(Options(data_dir, credentials, listen, **options))
    thread = threading.Thread(target=server.run, name="lake-server", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + READY_S
        while not server.ready:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the lake server did not start")
            time.sleep(0.002)
        yield server
    finally:
        server.stop()
        thread.join()
