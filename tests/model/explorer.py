"""The search: every order of the steps of some actors, each state once.

An actor that is about to look at something either does so at once or waits until somebody has changed what
it looks at: any other moment gives the same answer. So only changes need to be interleaved, and the states
between looks need not be kept.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mlops.runs import names
from mlops.runs.errors import MlopsError
from tests.model.anomalies import Anomaly
from tests.model.lake import ModelLake
from tests.model.looks import used_by
from tests.model.properties import check_end, check_step
from tests.model.quiet import check_caches, check_quiet
from tests.model.state import Actor, Line, State, but, told
from tests.model.stepper import Stepper, after_change, begin, expire


@dataclass
class Report:
    """What a search found.

    Attributes:
        name: The scenario.
        anomaly: The first anomaly, or None.
        line: The history that leads to it.
        states: Different states seen.
        transitions: Steps made.
        depth: Changes on the longest history.
        local: States of single actors.
        quiet: States of lake and tracker in which everybody died and reconcile was run.
        ends: How actors ended, counted over final states.
        seconds: How long it took.
        complete: Whether every history was followed to its end.
    """

    name: str
    anomaly: Anomaly | None = None
    line: Line | None = None
    states: int = 0
    transitions: int = 0
    depth: int = 0
    local: int = 0
    quiet: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    complete: bool = True

    @property
    def steps(self) -> int:
        """Changes on the history of the anomaly."""
        return sum(entry.changes for entry in self.line.lines()) if self.line else 0

    def __str__(self) -> str:
        what = str(self.anomaly) if self.anomaly else "no anomaly"
        searched = (
            f"{self.states} states, {self.transitions} steps, depth {self.depth}"
            f"{'' if self.complete else ' (cut off)'}, {self.local} local states, {self.quiet} quiet, "
            f"{self.seconds:.1f} s"
        )
        history = "".join(
            f"\n  {'*' if entry.changes else ' '} {entry.actor:<12} {entry.call} -> {told(entry.answer)}"
            for entry in (self.line.lines() if self.line else ())
        )
        return f"{self.name}: {what} [{searched}]{history}"


@dataclass
class Explorer:
    """Searches all histories of a scenario, shortest first or deepest first.

    Attributes:
        stepper: Makes the steps.
        quiet: Whether to let everybody die in every state and to run reconcile then.
        in_line: Whether caches must be in line when all have ended, without another reconcile.
        max_states: Where the search is cut off.
        max_steps: Longest history, in changes.
    """

    name: str
    stepper: Stepper
    quiet: bool = True
    in_line: bool = False
    max_states: int = 1_000_000
    max_steps: int = 1000

    def search(self, start: State, *, shortest: bool) -> Report:
        """Follow every history until an anomaly appears or all have been followed."""
        report, began = Report(self.name), time.process_time()
        self._quiet_in: set[int] = set()
        seen: dict[int, int] = {}
        queue: deque[State] = deque()
        take: Callable[[], State] = queue.popleft if shortest else queue.pop
        try:
            self._push(self._got_ahead(start), seen, queue)
            while queue:
                state = take()
                report.depth = max(report.depth, state.steps)
                if len(seen) >= self.max_states or state.steps >= self.max_steps:
                    report.complete = False
                    continue
                final = True
                for after in self._following(state):
                    final = False
                    report.transitions += 1
                    self._push(after, seen, queue)
                if final and not self._time_passes(state, seen, queue):
                    self._check_final(state, report)
        except _Found as found:
            report.anomaly, report.line = found.anomaly, found.line
        report.states, report.quiet = len(seen), len(self._quiet_in)
        report.local = self.stepper.machine.nodes
        report.seconds = time.process_time() - began
        return report

    def _push(self, state: State, seen: dict[int, int], queue: deque[State]) -> None:
        if self.quiet:
            key = hash((state.shared_key(), state.past))
            if key not in self._quiet_in:
                self._quiet_in.add(key)
                _naming(state, lambda: check_quiet(state))
        state = self._looked(state)
        key = state.key()
        if seen.get(key, -2) < state.delays:
            seen[key] = state.delays
            queue.append(state)

    def _got_ahead(self, state: State) -> State:
        """Return the state in which some actors have done their first segments, one after the other."""
        for i, actor in enumerate(state.actors):
            while (
                not (actor := state.actors[i]).node.ended
                and actor.node.start.segment < actor.node.program.ahead
            ):
                if actor.looks(state.lake):
                    state = self.stepper.look(state, i)
                else:
                    before = state
                    state = _checked(before, self.stepper.change(state, i)[0], actor)
            state = state.having(i, but(state.actors[i], trail=()))
        return but(state, steps=0)

    def _looked(self, state: State) -> State:
        """Return the state in which everybody has looked at what they are about to look at."""
        i = 0
        while i < len(state.actors):
            actor = state.actors[i]
            if actor.looks(state.lake) and not (actor.waits and not actor.woken and _in_vain(state.lake)):
                state = self.stepper.look(state, i)
                self._check_ended(state, i)
            else:
                i += 1
        return state

    def _check_ended(self, after: State, i: int) -> None:
        actor = after.actors[i]
        if actor.node.ended and not actor.sent:
            _naming(after, lambda: check_end(after, actor))

    def _following(self, state: State) -> Iterator[State]:
        """Yield the states after each change that can be made."""
        alone = self._concerns_nobody_else(state)
        for i, actor in enumerate(state.actors):
            if not actor.begun and alone is None:
                ended = [
                    a.node.ended for a in state.actors if a.node.program.name in actor.node.program.after
                ]
                if all(ended):
                    yield begin(state, i)
            if actor.acts(state.lake) and alone in {None, i}:
                after, what = self.stepper.change(state, i)
                self._check_ended(after, i)
                after = _checked(state, after, actor)
                yield from after_change(after, i, what) if what else [after]
                if state.losses and not actor.sent:
                    lost = self.stepper.lose(state, i)
                    self._check_ended(lost, i)
                    yield lost
        if state.lake.outdated is not None:
            yield from after_change(expire(state), -1, "rules")

    def _concerns_nobody_else(self, state: State) -> int | None:
        """Return an actor whose next change nobody else will ever notice: its order makes no difference."""
        if state.lake.outdated is not None:
            return None
        for i, actor in enumerate(state.actors):
            kind = used_by(actor.call) if actor.acts(state.lake) and actor.call is not None else ""
            if kind and not any(kind in a.uses() for j, a in enumerate(state.actors) if j != i):
                return i
        return None

    def _time_passes(self, state: State, seen: dict[int, int], queue: deque[State]) -> bool:
        """Let whoever waits for the server try again, where nobody else can do anything."""
        waiting = [i for i, actor in enumerate(state.actors) if actor.waits]
        for i in waiting:
            after = self.stepper.look(state, i)
            self._check_ended(after, i)
            self._push(after, seen, queue)
        return bool(waiting)

    def _check_final(self, state: State, report: Report) -> None:
        if any(a.call is not None for a in state.actors):
            return  # a command that was to follow another one was never given
        for actor in state.actors:
            report.ends[f"{actor.name}: {_how(actor)}"] += 1
        if self.in_line and not any(a.node.failure for a in state.actors):
            _naming(state, lambda: check_caches(state.lake, state.tracker))


def _in_vain(lake: ModelLake) -> bool:
    """Tell whether whoever waits for the server to notice something would wait once more."""
    return lake.outdated is not None or lake.is_protected(names.MAIN)


def _how(actor: Actor) -> str:
    result = actor.node.result
    if isinstance(result, MlopsError):
        return actor.node.failure
    return type(result).__name__ + (" refused" if getattr(result, "merge_commit", "x") == "" else "")


class _Found(Exception):
    def __init__(self, anomaly: Anomaly, line: Line | None) -> None:
        super().__init__(str(anomaly))
        self.anomaly, self.line = anomaly, line


def _checked(before: State, after: State, actor: Actor | None) -> State:
    try:
        return check_step(before, after, actor)
    except Anomaly as anomaly:
        raise _Found(anomaly, after.line) from anomaly


def _naming(state: State, check: Callable[[], None]) -> None:
    """Run a check and keep the history that led to an anomaly."""
    try:
        check()
    except Anomaly as anomaly:
        raise _Found(anomaly, state.line) from anomaly
