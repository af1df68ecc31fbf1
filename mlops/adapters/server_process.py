"""Server programs as child processes: started, waited for, found again by pid file, stopped by pid.

A pid file records when the process began, so that a pid which the system has given to another program is
never signalled. Servers lead a session of their own and outlive the command that started them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlops.adapters import processes
from mlops.adapters.state_folder import folder_id
from mlops.runs import json_values
from mlops.runs.errors import ConfigError, LakeUnavailable, MlopsError, bounded, system_reason

Progress = Callable[[str], None]

POLL_S = 0.05
STOP_S = 10.0
LOG_TAIL_BYTES = 280
UNIX = "unix:"


@dataclass(frozen=True)
class ServerProcess:
    """A server program that was started here.

    Attributes:
        name: What it is, e.g. ``lake``; also the name of its pid file and log.
        pid: Its process, which leads a process group of its own.
        started: When the process began, as the system tells it; empty where it does not.
        address: ``http://127.0.0.1:<port>``, or ``unix:<path>`` of a Unix domain socket.
        log: Its output.
        folder: Which state directory it was started for, by `folder_id`; empty where that is unknown.
    """

    name: str
    pid: int
    started: str
    address: str
    log: str
    folder: str = ""

    def alive(self) -> bool:
        """Return whether this very process still runs."""
        _reap(self.pid)
        return processes.is_alive(self.pid, self.started)


def start(
    command: Sequence[str],
    *,
    name: str,
    state_dir: Path,
    address: str,
    ready_path: str = "",
    ready: Callable[[], bool] | None = None,
    env: Mapping[str, str] | None = None,
    private: bool = False,
    timeout_s: float = 60.0,
    progress: Progress | None = None,
    failure: type[MlopsError] = LakeUnavailable,
    meanwhile: Callable[[], object] | None = None,
) -> ServerProcess:
    """Start a server program, or find it running, and return once it answers.

    Args:
        command: Program and arguments; no secrets, they are visible to every user of the machine.
        name: What it is; one of a name runs per state directory.
        state_dir: Where pid file and log go.
        address: Where it will listen; empty where it does not.
        ready_path: A path that answers 2xx once it is ready.
        ready: Tells whether it is ready, for a program that does not listen.
        env: Its whole environment; by default this process's.
        private: Whether the files and sockets that it makes are its user's alone.
        timeout_s: How long to wait for it, seconds.
        progress: Called about once a second with a line for people.
        failure: Error raised where it ends or does not answer in time.
        meanwhile: Done while the program starts, or at once where it runs already.
    """
    meanwhile = meanwhile or (lambda: None)
    running = find(name, state_dir)
    if running is not None:
        meanwhile()
        return running
    state_dir.mkdir(parents=True, exist_ok=True)
    log = state_dir / f"{name}.log"
    child = _spawn(command, log, env, umask=0o077 if private else -1)
    begun = processes.began_at(child.pid) or ""
    server = ServerProcess(name, child.pid, begun, address, str(log), folder_id(state_dir))
    _pid_file(name, state_dir).write_text(json.dumps(asdict(server)), encoding="utf-8")
    try:
        meanwhile()
        _wait(child, server, ready or (lambda: answers(address, ready_path)), timeout_s, progress, failure)
    except BaseException:
        stop(name, state_dir)
        raise
    finally:
        child.poll()
        child.returncode = child.returncode or 0  # it outlives this object
    return server


def find(name: str, state_dir: Path) -> ServerProcess | None:
    """Return the running server of a name, or None.

    A pid file that a dead server left, or that came along with a copy of another state directory, is removed.
    """
    file = _pid_file(name, state_dir)
    try:
        server = ServerProcess(**json_values.parse(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        file.unlink(missing_ok=True)
        return None
    if server.folder in ("", folder_id(state_dir)) and server.alive():
        return server
    file.unlink(missing_ok=True)
    return None


def stop(name: str, state_dir: Path, *, grace_s: float = STOP_S) -> bool:
    """Stop the running server of a name and its children; return whether there was one.

    Args:
        name: What it is.
        state_dir: Where its pid file is.
        grace_s: How long it may take to end by itself before it is killed, seconds.
    """
    server = find(name, state_dir)
    if server is None:
        return False
    for signal_, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, STOP_S)):
        _signal_group(server.pid, signal_)
        if _until(lambda: not server.alive(), wait_s):
            break
    _pid_file(name, state_dir).unlink(missing_ok=True)
    return True


def answers(address: str, path: str, *, timeout_s: float = 2.0) -> bool:
    """Return whether a GET of a path is answered with 2xx."""
    connection = _connection(address, timeout_s)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(address: str, timeout_s: float) -> http.client.HTTPConnection:
    if address.startswith(UNIX):
        return _SocketConnection(address.removeprefix(UNIX), timeout_s)
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def free_port(preferred: int = 0) -> int:
    """Return the preferred loopback port if nobody listens there, else any free one."""
    for port in (preferred, 0):
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise ConfigError("no free port", where="127.0.0.1")


def _spawn(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None, *, umask: int
) -> subprocess.Popen[bytes]:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with _default_interrupt():
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=None if env is None else dict(env),
                start_new_session=True,
                umask=umask,
            )
    except OSError as error:
        raise ConfigError(f"cannot be started: {system_reason(error)}", where=str(command[0])) from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _default_interrupt() -> Iterator[None]:
    # A command run in the background of a script has SIGINT ignored, its children inherit that, and some
    # servers then ignore SIGTERM as well.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _wait(
    child: subprocess.Popen[bytes],
    server: ServerProcess,
    ready: Callable[[], bool],
    timeout_s: float,
    progress: Progress | None,
    failure: type[MlopsError],
) -> None:
    begun, said = time.monotonic(), 0
    while True:
        # `poll` first: whoever answers on the port of a dead child is somebody else.
        if child.poll() is not None:
            raise failure(f"ended at once: {_tail(server.log)}", where=server.name, todo=f"see {server.log}")
        if ready():
            return
        waited_s = time.monotonic() - begun
        if waited_s > timeout_s:
            raise failure(
                f"no answer in {timeout_s:.0f} s: {_tail(server.log)}",
                where=f"{server.name} at {server.address}",
                todo=f"see {server.log}",
            )
        if progress is not None and int(waited_s) > said:
            said = int(waited_s)
            progress(f"waiting for {server.name} at {server.address} ({said} s)")
        time.sleep(POLL_S)


def _tail(log: str) -> str:
    with contextlib.suppress(OSError):
        text = Path(log).read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return bounded(text, 300) or "it wrote nothing"
    return "it wrote nothing"


def _until(done: Callable[[], bool], wait_s: float) -> bool:
    end = time.monotonic() + wait_s
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_S)
    return True


def _signal_group(pid: int, signal_: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_)


def _reap(pid: int) -> None:
    # A child of our own stays a zombie until it is waited for.
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)


def _pid_file(name: str, state_dir: Path) -> Path:
    return state_dir / f"{name}.pid"
