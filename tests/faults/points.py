"""Places to kill at: calls of the process that gives a command, or requests that the lake server sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """One place to kill at.

    Attributes:
        command: Name of the command.
        server: Whether the lake server is killed, rather than the process that gives the command.
        at: Number of the call, from 1.
        after: Whether the call takes effect first, and only its answer is lost.
    """

    command: str
    server: bool
    at: int
    after: bool

    def __str__(self) -> str:
        who = "server" if self.server else "victim"
        return f"{self.command}: {who} killed {'after' if self.after else 'before'} call {self.at}"


@dataclass(frozen=True)
class Undisturbed:
    """What a command does if nobody dies.

    Attributes:
        end: What must not depend on crashes.
        calls: Calls of the process, in order.
        requests: Requests that the server saw, in order.
    """

    end: dict[str, Any]
    calls: list[str]
    requests: list[str]

    def points(self, command: str, *, server: bool) -> list[Point]:
        """Return all places to kill at: before each call, and after each that changes something.

        What a call that only reads leaves behind is what the next one finds, before which is killed too.
        """
        calls = self.requests if server else self.calls
        before = [Point(command, server, at, after=False) for at in range(1, len(calls) + 1)]
        return before + self.after_changes(command, server=server)

    def after_changes(self, command: str, *, server: bool) -> list[Point]:
        """Return one place to kill at for each state that the outside can be left in, but the first one."""
        calls = enumerate(self.requests if server else self.calls, 1)
        return [Point(command, server, at, after=True) for at, call in calls if not reads(call)]


def reads(call: str) -> bool:
    """Tell whether a request, or a call of MLflow's client, changes nothing."""
    return call.startswith(("GET ", "HEAD ", "mlflow.get_", "mlflow.search_"))
