"""Bounds on waiting for a source: a deadline that breaks a connection off, and a few further attempts."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from mlops.runs.errors import SourceUnavailable

#: Pauses before the second and the third attempt, in seconds.
PAUSES_S = (0.5, 2.0)

Value = TypeVar("Value")


def with_retries(
    action: Callable[[], Value], deadline_s: float, pause: Callable[[float], None] = time.sleep
) -> Value:
    """Return what ``action`` returns; call it again, from the start, while its source is unavailable.

    Args:
        action: Reads everything anew at each call, so that nothing half-read is ever returned.
        deadline_s: End of all attempts, by `time.monotonic`.
        pause: Waits for some seconds.

    Raises:
        SourceUnavailable: The last attempt failed too.
    """
    for pause_s in PAUSES_S:
        try:
            return action()
        except SourceUnavailable:
            if time.monotonic() + pause_s >= deadline_s:
                raise
            pause(pause_s)
    return action()


class Watchdog:
    """Breaks off a driver's connection at a deadline.

    Attributes:
        fired: Whether the deadline has passed and the connection was broken off.
    """

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.fired = False

    @contextlib.contextmanager
    def over(self, connection: Any) -> Iterator[None]:
        """Watch over a driver's own connection while the block runs."""

        def bite() -> None:
            self.fired = True
            # The connection may have been closed at this very moment.
            with contextlib.suppress(Exception):
                _break_off(connection)

        timer = threading.Timer(max(0.0, self.deadline_s - time.monotonic()), bite)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _break_off(connection: Any) -> None:
    """End what a connection waits for: by its own means, or by closing the way to its server.

    A server that is stopped or behind a broken network keeps its TCP connection open; only this end can
    close it then.
    """
    if hasattr(connection, "interrupt"):
        connection.interrupt()
    elif hasattr(connection, "fileno"):
        with socket.socket(fileno=os.dup(connection.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)
