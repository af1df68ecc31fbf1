"""Calls that fail on cue: a process that dies before a call, or after it and before its answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.protocol import World


class Died(BaseException):
    """The process died here; nothing catches it, as nothing catches SIGKILL."""


@dataclass
class FaultPlan:
    """Counts the calls of everything it watches and dies at one of them.

    Attributes:
        at: Number of the call to die at, from 1; 0 for never.
        after: Whether the call takes effect first: the merge is made, its answer is lost.
        calls: Names of the calls seen so far, in order.
        dead: Whether it has died: what runs on all the same (a `finally`) reaches nothing any more.
    """

    at: int = 0
    after: bool = False
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.dead:
            raise Died(name)
        self.calls.append(name)
        due = self.due(name)
        if due and not self.after:
            self.die(name)
        answer = None
        try:
            answer = function(*args, **kwargs)
            return answer
        finally:
            if due:
                if hasattr(answer, "close"):
                    answer.close()  # a file that nobody receives
                self.die(f"{name} (after it took effect)")

    def due(self, name: str) -> bool:
        """Tell whether the call that was just counted is the one to die at."""
        return len(self.calls) == self.at

    def die(self, where: str) -> None:
        self.dead = True
        raise Died(where)


@dataclass
class DiesAt(FaultPlan):
    """Dies before the first call of a name."""

    name: str = ""

    def due(self, name: str) -> bool:
        return name == self.name


@dataclass
class Meanwhile(FaultPlan):
    """Lets something else happen just before the first call of a name."""

    name: str = ""
    happens: Callable[[], object] = lambda: None

    def due(self, name: str) -> bool:
        if name == self.name:
            self.name = ""
            self.happens()
        return False


class Watched:
    """Passes every method call of a target through a plan; attributes that are no methods pass unseen."""

    def __init__(self, target: Any, plan: FaultPlan, name: str) -> None:
        self._target, self._plan, self._name = target, plan, name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._plan.call(f"{self._name}.{attribute}", value, *args, **kwargs)


def watched(world: World, plan: FaultPlan, **ports: Any) -> World:
    """Return a world whose lake and tracker are called through a plan; further ports may be replaced."""
    lake: Any = Watched(world.lake, plan, "lake")
    tracker = Watched(world.ports.tracker, plan, "tracker")
    changed = dataclasses.replace(world.ports, lake=lake, tracker=tracker, **ports)
    return World(lake, changed, dataclasses.replace(world.judge, lake=lake))


def half_done(world: World, call: str, command: Callable[[World], Any]) -> None:
    """Do a command up to its first call of a name, at which its process dies."""
    plan = DiesAt(name=call)
    with suppress(Died):
        command(watched(world, plan))
    assert plan.calls[-1] == call, f"it never called {call}"
