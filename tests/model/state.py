"""The state of everything: the lake, the tracker, each actor, and what has happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from mlops.runs.errors import MlopsError
from tests.model.lake import ModelLake
from tests.model.looks import Merging, changed_by, in_vain, kind_of_change, looked_kinds, looks_at, used_by
from tests.model.program import Call, Node
from tests.support.fakes import MemoryTracker

T = TypeVar("T")


def but(value: T, **changes: Any) -> T:
    """Return a copy of a frozen value with some fields changed; quicker than `dataclasses.replace`."""
    made = object.__new__(type(value))
    made.__dict__.update(value.__dict__)
    made.__dict__.update(changes)
    return made


@dataclass(frozen=True)
class Glance:
    """A look that an actor has taken since it last changed something: it might as well look again later.

    Attributes:
        node: What it was about to do.
        merging: How far its merge was.
        attempts: As in `Actor`.
        line: How long the history was.
        steps: How many changes there had been.
    """

    node: Node
    merging: Merging | None
    attempts: frozenset[str]
    line: int
    steps: int


@dataclass(frozen=True)
class Actor:
    """An actor in a state of everything.

    Attributes:
        node: What it has done and is about to do.
        merging: How far its merge is, where it is about to make one.
        trail: The looks it has taken since it last changed something.
        begun: Whether it has started.
        woken: Whether something has happened since it began to wait.
        attempts: Branches of attempts that existed when it last looked at `main`.
        sent: Whether this is no process but a call that one sent before it lost the connection.
    """

    node: Node
    merging: Merging | None = None
    trail: tuple[Glance, ...] = ()
    begun: bool = True
    woken: bool = False
    attempts: frozenset[str] = frozenset()
    sent: bool = False

    @property
    def name(self) -> str:
        return f"{self.node.program.name}{' (sent)' if self.sent else ''}"

    @property
    def call(self) -> Call | None:
        return self.node.call

    def looks(self, lake: ModelLake) -> bool:
        """Tell whether its next (part of a) call changes nothing."""
        if not self.begun or self.node.call is None:
            return False
        return bool(looks_at(self.node, self.merging)) or in_vain(self.node.call, lake)

    def acts(self, lake: ModelLake) -> bool:
        """Tell whether its next call changes something."""
        return self.begun and self.node.call is not None and not self.looks(lake)

    @property
    def waits(self) -> bool:
        """Whether it waits for the server to know other rules."""
        return self.node.call is not None and self.node.call.name == "sleep"

    def may_change(self) -> frozenset[str]:
        """Return what kinds of things it may still change, by itself or after looking at something again."""
        call = self.node.call
        if self.sent:
            return frozenset((kind_of_change(changed_by(call)),)) if call is not None else frozenset()
        if not self.trail:
            return self.node.changes if call is not None else frozenset()
        first = self.trail[0].node
        return first.changes if first.start.segment <= self.node.start.segment else self.node.changes

    def uses(self) -> frozenset[str]:
        """Return what it may still change or look at, of what most actors never do."""
        if self.sent:
            return frozenset((used_by(self.node.call),)) if self.node.call is not None else frozenset()
        return self.node.uses if self.node.call is not None or self.trail else frozenset()

    def key(self, others_change: frozenset[str]) -> tuple[object, ...]:
        trail = tuple(
            (g.node.number, g.merging)
            for g in self.trail
            if not others_change.isdisjoint(looked_kinds(g.node, g.merging))
        )
        state = (self.node.number, self.merging, self.begun, self.woken, self.attempts, self.sent)
        return (*state, trail)


def still_changing(actors: tuple[Actor, ...]) -> list[frozenset[str]]:
    """Return what each actor may still change.

    Whoever has ended comes back only if others change something that it looked at.
    """
    found = [a.may_change() if a.node.call is not None else frozenset[str]() for a in actors]
    ended = [i for i, a in enumerate(actors) if a.node.call is None and a.trail]
    grown = True
    while grown and ended:
        grown = False
        for i in ended:
            others = frozenset().union(*(f for j, f in enumerate(found) if j != i))
            if any(not others.isdisjoint(looked_kinds(g.node, g.merging)) for g in actors[i].trail):
                found[i], grown = actors[i].may_change(), True
                ended.remove(i)
                break
    return found


@dataclass(frozen=True)
class Line:
    """One line of a history.

    Attributes:
        before: The line before.
        actor: Who.
        call: Made which call.
        answer: And got which answer.
        changes: Whether the call may change something.
        length: Lines up to here.
        undoes: Length from which on this actor's looks are taken back: it looks later.
    """

    before: Line | None
    actor: str
    call: object = ""
    answer: object = ""
    changes: bool = False
    length: int = 1
    undoes: int = -1

    def lines(self) -> list[Line]:
        """Return the history in order, without what was taken back."""
        found: list[Line] = []
        line: Line | None = self
        while line is not None:
            found.append(line)
            line = line.before
        kept: list[Line] = []
        for entry in reversed(found):
            if entry.undoes >= 0:
                kept = [k for k in kept if k.actor != entry.actor or k.length <= entry.undoes]
            else:
                kept.append(entry)
        return kept


@dataclass(frozen=True)
class Past:
    """What has happened, as far as the lake does not say so itself.

    Attributes:
        numbers: Sequence numbers of promotions and rollbacks that reached `main`.
        promoted: Runs that were promoted.
        dropped_runs: Runs whose promotion was taken off `main`.
        dropped_arrivals: Deliveries (path, checksum) that were.
        held: Whether promotions are stopped since a rollback.
        requests: Requests to roll back that have stopped `main`.
    """

    numbers: frozenset[int] = frozenset()
    promoted: frozenset[str] = frozenset()
    dropped_runs: frozenset[str] = frozenset()
    dropped_arrivals: frozenset[tuple[str, str]] = frozenset()
    held: bool = False
    requests: frozenset[str] = frozenset()


@dataclass(frozen=True)
class State:
    """The lake, the tracker, all actors, the past; what has equal keys behaves alike.

    Attributes:
        steps: Calls made so far that may change something.
        losses: Answers that may still be lost.
        delays: Looks that may still be taken later than at once; -1 for as many as there are.
    """

    lake: ModelLake
    tracker: MemoryTracker
    actors: tuple[Actor, ...]
    past: Past
    line: Line | None = None
    steps: int = 0
    losses: int = 0
    delays: int = -1

    def shared_key(self) -> tuple[object, ...]:
        """Return what lake and tracker are, whoever made them so."""
        tracker = frozenset(self.tracker.versions.items()), frozenset(self.tracker.aliases.items())
        return (self.lake.key(), *tracker)

    def key(self) -> int:
        changing = still_changing(self.actors)
        actors = []
        for i, actor in enumerate(self.actors):
            if not self.delays:
                actors.append(actor.key(frozenset()))
                continue
            others = frozenset().union(*(c for j, c in enumerate(changing) if j != i))
            actors.append(actor.key(others))
        return hash((self.shared_key(), tuple(actors), self.past, self.losses))

    def having(self, i: int, actor: Actor) -> State:
        """Return the state with another state of one actor."""
        return but(self, actors=(*self.actors[:i], actor, *self.actors[i + 1 :]))

    def noting(self, actor: str, call: object, answer: object = None, *, changes: bool = False) -> State:
        """Return the state with one line more in its history."""
        length = self.line.length + 1 if self.line else 1
        return but(self, line=Line(self.line, actor, call, answer, changes, length))

    @property
    def length(self) -> int:
        return self.line.length if self.line else 0


def told(answer: Any) -> str:
    """Return an answer in a few words."""
    if isinstance(answer, MlopsError):
        return f"{type(answer).__name__}: {answer.what}"
    if isinstance(answer, str):
        return answer[:8]
    if isinstance(answer, tuple):
        return f"{told(answer[0])}; {told(answer[1])}"
    if isinstance(answer, dict):
        return ", ".join(f"{name}={commit[:6]}" for name, commit in answer.items())
    return "" if answer is None else str(answer)
