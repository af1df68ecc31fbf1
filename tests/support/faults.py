"""Calls that fail on cue: a process that dies before a call, or after it and before its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Died(BaseException):
    """The process died here; nothing catches it, as nothing catches SIGKILL."""


@dataclass
class FaultPlan:
    """Counts the calls of everything it watches and dies at one of them.

    Attributes:
        at: Number of the call to die at, from 1; 0 for never.
        after: Whether the call takes effect first: the merge is made, its answer is lost.
        calls: Names of the calls seen so far, in order.
    """

    at: int = 0
    after: bool = False
    calls: list[str] = field(default_factory=list)

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        due = len(self.calls) == self.at
        if due and not self.after:
            raise Died(name)
        try:
            return function(*args, **kwargs)
        finally:
            if due:
                raise Died(f"{name} (after it took effect)")


class Watched:
    """Passes every method call of a target through a plan; attributes that are no methods pass unseen."""

    def __init__(self, target: Any, plan: FaultPlan, name: str) -> None:
        self._target, self._plan, self._name = target, plan, name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        if not callable(value):
            return value
        return lambda *args, **kwargs: self._plan.call(f"{self._name}.{attribute}", value, *args, **kwargs)
