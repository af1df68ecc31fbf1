"""The tracker in a process of its own, so that MLflow is imported while the command does its other work.

Importing MLflow and opening a store takes two to three seconds of one processor. A command that will need it
starts this process first; by the time of the first call it is ready. The calls and their answers are those of
`MLflowTracker`, one at a time, over a socket pair that nobody else holds. The process ends with the command
that started it, however that ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, cast

from mlops.adapters.tracking.store import redacted
from mlops.runs.errors import TrackerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops.adapters.tracking.tracker import MLflowTracker

#: Libraries that MLflow imports where they are installed, for half a second, and that no call here needs.
OPTIONAL = ("pandas", "pyarrow", "scipy", "sklearn")


def is_possible() -> bool:
    """Return whether this system can hand a socket on to a process."""
    return os.name == "posix"


def start_tracker(tracking_uri: str, experiment: str) -> MLflowTracker:
    """Start a tracker in a process of its own; return at once.

    Args:
        tracking_uri: Any MLflow tracking URI.
        experiment: Name of the experiment that holds the pipeline's runs.
    """
    return cast("MLflowTracker", TrackerProcess(tracking_uri, experiment))


class TrackerProcess:
    """Every method of `MLflowTracker`, called in another process.

    A call that is interrupted leaves an answer that nobody asked for; the process is given up then, and the
    next call starts another one.
    """

    def __init__(self, tracking_uri: str, experiment: str) -> None:
        self._uri = tracking_uri
        self._experiment = experiment
        self._one_at_a_time = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._connection = self._start()

    @property
    def address(self) -> str:
        """Return the readable address of the tracker, without credentials."""
        return redacted(self._uri)

    def close(self) -> None:
        """End the process; a later call starts another one."""
        self._connection.close()
        if self._child is not None:
            self._child.wait()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method of that name, called in the other process."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self._call(name, args, kwargs)

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self._one_at_a_time:
            if self._connection.closed:
                self._connection = self._start()
            try:
                self._connection.send((name, args, kwargs))
                failed, value = self._connection.recv()
            except (EOFError, OSError) as error:
                self.close()
                raise TrackerUnavailable(
                    "the process that speaks to MLflow has ended",
                    where=self.address,
                    todo="run the same command again",
                ) from error
            except BaseException:
                self._connection.close()
                raise
        if failed:
            raise value
        return value

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the command, which then closes the connection
            )
        # The address may hold a password, and a command line is visible to everybody.
        connection: Connection = Connection(ours.detach())
        connection.send((self._uri, self._experiment))
        return connection


def answer_calls(connection: Connection) -> None:
    """Import MLflow, then answer calls until whoever asks is gone."""
    parent = os.getppid()
    with contextlib.suppress(EOFError, OSError):
        tracker, unusable = _tracker(*connection.recv())
        while True:
            name, args, kwargs = connection.recv()
            if os.getppid() != parent:
                return  # killed after it had asked: a later command may have begun already
            connection.send(_answer(tracker, unusable, name, args, kwargs))


def _tracker(tracking_uri: str, experiment: str) -> tuple[Any, Exception | None]:
    from mlops.adapters.tracking.store import quieten
    from mlops.adapters.tracking.tracker import MLflowTracker

    quieten()
    try:
        import mlflow.tracking

        if not tracking_uri.startswith(("http://", "https://")):
            import mlflow.store.model_registry.sqlalchemy_store
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    except Exception as error:
        return None, error
    return MLflowTracker(tracking_uri, experiment), None


def _answer(tracker: Any, unusable: Exception | None, name: str, args: Any, kwargs: Any) -> tuple[bool, Any]:
    """Return whether a call failed, and what it returned or raised."""
    if unusable is not None:
        return True, TrackerUnavailable(f"MLflow cannot be imported: {unusable}", where="mlflow")
    try:
        return False, getattr(tracker, name)(*args, **kwargs)
    except Exception as error:
        error.__cause__ = None
        return True, error


def _leave_out_what_is_optional() -> None:
    """Let MLflow find none of the libraries that it can do without, as where mlflow-skinny is installed."""
    for name in OPTIONAL:
        sys.modules.setdefault(name, cast("Any", None))


if __name__ == "__main__":
    gc.disable()  # imports make many objects that stay, and the calls that follow few
    _leave_out_what_is_optional()
    answer_calls(Connection(int(sys.argv[1])))
    os._exit(0)  # whoever asked waits for the end, and every answer was committed before it was given
