"""The machine: its time, its processes, and who works on it with which code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Time and waiting, injected."""

    def now_s(self) -> int:
        """Return Unix seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Processes(Protocol):
    """A person and the machine they work on."""

    def me(self) -> str:
        """Return this process as ``host:pid:started``."""
        ...

    def alive(self, owner: str) -> bool | None:
        """Return whether an owner still lives; None where that cannot be seen from here (another host)."""
        ...


@dataclass(frozen=True)
class Author:
    """The author of a change of `main` and the code used, as the signed statement names them.

    Attributes:
        who: ``proven:NAME`` of the user whom the lake server knows, or ``claimed:NAME``.
        code_commit: The git commit of the code; empty where it is in no checkout.
        code_clean: Whether the checkout had no changes of its own.
    """

    who: str = ""
    code_commit: str = ""
    code_clean: bool = False
