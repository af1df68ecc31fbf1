"""What an actor is: a program of segments, and its states, each about to make a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops.runs import names
from mlops.runs.errors import MlopsError
from mlops.runs.ports import Ports
from tests.model.lake import ModelLake
from tests.support.fakes import FakeJudge


@dataclass(frozen=True)
class Call:
    """A call about what is shared, as an actor makes it."""

    name: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(_short(a) for a in self.args)})"


def _short(value: object) -> str:
    if isinstance(value, str):
        return value[:8] if names.is_commit_id(value) else value
    if isinstance(value, Mapping):
        kept = ("kind", "number", "run_id", "arrival")
        return " ".join(f"{k}={value[k][:8]}" for k in kept if k in value)
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


#: Kinds of things that actors change and look at.
KINDS = frozenset(
    {
        "main",
        "rules",
        "tracker",
        "branch",
        "staged",
        *(
            f"tag {name}"
            for name in (
                "promotion-",
                "rolledback-",
                "settled-",
                "revoked-",
                "restored-",
                "rejected-",
                "decision-",
            )
        ),
        "tag hold",
        "tag champion",
    }
)


@dataclass(frozen=True)
class Segment:
    """A part of what an actor does; between segments only the value that one returns is kept.

    Attributes:
        name: For the report.
        run: Takes the ports, a judge and the value of the segment before.
        changes: What it may change, of `KINDS`.
        heeds: Prefixes of the tags that make a difference to it, given the value; it is shown no others.
        uses: What it changes or looks at, of ``rules``, ``tracker`` and ``staged``.
        torn: Whether something may happen between its looks at `main` and at the tags.
    """

    name: str
    run: Callable[[Ports, FakeJudge, Any], Any]
    changes: frozenset[str]
    heeds: Callable[[Any], tuple[str, ...]] = lambda _value: ("",)
    uses: frozenset[str] = frozenset()
    torn: bool = True


@dataclass(frozen=True)
class Program:
    """An actor: one process that runs one command.

    Attributes:
        name: Unique; the process's name, and the maker of its commits.
        segments: What it does, in order.
        shares: Prefixes of branches that other actors see too; all others are its own.
        lies: What the core is made to see by a removed guard.
        errors: Errors that the command may end with, by its documentation.
        retries: How often the command is run again by the same process after an answer was lost.
        explicit: Whether it was told to bring back what a rollback dropped.
        after: Names of actors that must have ended before this one starts.
        ahead: Segments that it has done, undisturbed, before anything else happens.
    """

    name: str
    segments: tuple[Segment, ...]
    shares: tuple[str, ...] = ()
    lies: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    retries: int = 0
    explicit: bool = False
    after: tuple[str, ...] = ()
    ahead: int = 0

    def changes_from(self, segment: int) -> frozenset[str]:
        """Return what the segments from one on may change."""
        return frozenset(kind for part in self.segments[segment:] for kind in part.changes)

    def uses(self) -> frozenset[str]:
        """Return what the segments use."""
        return frozenset(kind for part in self.segments for kind in part.uses)


@dataclass
class Start:
    """The beginning of a segment: everything the rest follows from."""

    segment: int
    value: Any
    overlay: ModelLake
    retries: int

    def key(self) -> str:
        own = (self.overlay._branches, {b: sorted(s) for b, s in self.overlay._staged.items() if s})
        return repr((self.segment, self.value, own, self.retries))


@dataclass
class Node:
    """A state of an actor: about to make a call, or ended with a value or an error."""

    number: int
    program: Program
    start: Start
    answers: tuple[Any, ...]
    call: Call | None = None
    result: Any = None
    children: dict[Any, Node] = field(default_factory=dict)
    # Known to be the same for all of this state's life, and asked for often.
    looked: dict[bool, frozenset[str]] = field(default_factory=dict)
    changes: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.changes = self.program.changes_from(self.start.segment)
        self.uses = self.program.uses()

    @property
    def ended(self) -> bool:
        return self.call is None

    @property
    def failure(self) -> str:
        """The class of the error that ended the actor, or nothing."""
        return type(self.result).__name__ if isinstance(self.result, MlopsError) else ""
