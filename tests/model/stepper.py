"""What one step of an actor makes of the state of everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlops.runs import names
from mlops.runs.errors import LakeUnavailable, MlopsError
from mlops.runs.ports import Commit
from tests.model.lake import ModelLake
from tests.model.looks import Merging, changed_by, heeds
from tests.model.machine import Machine
from tests.model.program import Call, Node
from tests.model.state import Actor, Glance, Line, State, but
from tests.support.fakes import MemoryTracker


@dataclass
class Stepper:
    """Makes steps; remembers what the enforcer said."""

    machine: Machine
    _said: dict[Any, MlopsError | None] = field(default_factory=dict)
    _heedless: set[tuple[str, str]] = field(default_factory=set)

    def look(self, state: State, i: int) -> State:
        """Return the state after an actor has made a (part of a) call that changes nothing."""
        actor, call = state.actors[i], state.actors[i].call
        assert call is not None
        if _spins(actor, state.steps):
            return self._given_up(state, i, actor)
        glance = Glance(actor.node, actor.merging, actor.attempts, state.length, state.steps)
        actor = but(actor, trail=(*actor.trail, glance), woken=False)
        if call.name == "merge":
            return self._merge(state, i, actor, call)
        if call.name in {"head", "main_and_tags"} and any(
            p.startswith("run-") for p in actor.node.program.shares
        ):
            actor = but(actor, attempts=frozenset(state.lake.branches("run-")))
        return self._answered(state, i, actor, _answer(state.lake, state.tracker, call), changes=False)

    def _given_up(self, state: State, i: int, actor: Actor) -> State:
        """Return the state after an actor has gone round, in vain, as often as its command does."""
        node = self.machine.give_up(actor.node)
        state = state.noting(actor.name, actor.call, node.result)
        return state.having(i, but(actor, node=node, merging=None, woken=False))

    def _merge(self, state: State, i: int, actor: Actor, call: Call) -> State:
        """Do a part of a merge that changes nothing: read the head, or let the enforcer judge."""
        if actor.merging is None:
            return state.having(i, but(actor, merging=Merging(state.lake.head(names.MAIN))))
        merging, lake = actor.merging, state.lake.clone()
        lake.maker = actor.node.program.name
        source, into, message, metadata, *strategy = call.args
        lake.strategy = strategy[0] if strategy else lake.strategy
        commit = None
        try:
            commit = lake.propose(source, into, message, metadata, head=merging.head)
            self._judge(lake, commit, source)
        except MlopsError as refused:
            if commit is None or (commit.id, source) in self._heedless:
                actor = but(actor, trail=actor.trail[:-1])  # the tags made no difference
            return self._answered(state, i, actor, refused, changes=False)
        if (commit.id, source) in self._heedless:
            actor = but(actor, trail=actor.trail[:-1])
        again = None if merging.stale else but(merging, proposed=commit.id)
        return state.having(i, but(actor, merging=again))

    def _judge(self, lake: ModelLake, commit: Commit, source: str) -> None:
        """Let the enforcer judge a merge; notes where the tags make no difference to what it says."""
        merge = (commit.id, source)
        key = (merge, None if merge in self._heedless else frozenset(lake.tags().items()))
        if key not in self._said:
            lake.asked_for_tags = False
            self._said[key] = _refusal(lake, commit, source)
            if not lake.asked_for_tags:
                self._heedless.add(merge)
                self._said[merge, None] = self._said[key]
        refused = self._said[key]
        if refused is not None:
            raise refused

    def change(self, state: State, i: int) -> tuple[State, str]:
        """Return the state after an actor has made a call that may change something, and what it changed."""
        actor, call = state.actors[i], state.actors[i].call
        assert call is not None
        lake, tracker = state.lake.clone(), state.tracker
        lake.maker = actor.node.program.name
        if call.name.startswith("tracker."):
            tracker = MemoryTracker({}, dict(tracker.versions), dict(tracker.aliases))
        if call.name == "merge":
            assert actor.merging is not None
            answer: Any = actor.merging.proposed
            lake.land(answer)
        else:
            answer = _answer(lake, tracker, call)
        lake.grow_older()
        state = but(state, lake=lake, tracker=tracker, steps=state.steps + 1)
        state = self._answered(state, i, but(actor, trail=()), answer, changes=True)
        return state, "" if isinstance(answer, MlopsError) else changed_by(call)

    def _answered(self, state: State, i: int, actor: Actor, answer: Any, *, changes: bool) -> State:
        node = _gone(actor.node) if actor.sent else self.machine.step(actor.node, answer)
        state = state.noting(actor.name, actor.call, answer, changes=changes)
        return state.having(i, but(actor, node=node, merging=None, woken=False))

    def lose(self, state: State, i: int) -> State:
        """Return the state in which a call is on its way and its actor waits for the answer no longer."""
        actor = but(state.actors[i], trail=())
        state = but(state, actors=(*state.actors, but(actor, sent=True)), losses=state.losses - 1)
        lost = LakeUnavailable("the answer was lost")
        return self._answered(state, i, but(actor, merging=None), lost, changes=False)


def _spins(actor: Actor, steps: int) -> bool:
    """Tell whether an actor is where it was before, and nothing has changed since."""
    here = (actor.node.number, actor.merging)
    return any((g.node.number, g.merging) == here and g.steps == steps for g in actor.trail)


def expire(state: State) -> State:
    """Return the state in which the server knows the rules that are set."""
    lake = state.lake.clone()
    lake.learn_rules()
    state = but(state, lake=lake, steps=state.steps + 1)
    return state.noting("lake", "the cached protection rules expire", changes=True)


def begin(state: State, i: int) -> State:
    """Return the state in which an actor has started, whose command follows the end of others."""
    awaited = state.actors[i].node.program.after
    actors = [but(a, trail=()) if a.node.program.name in awaited else a for a in state.actors]
    return but(state, actors=tuple(actors)).having(i, but(state.actors[i], begun=True))


def _refusal(lake: ModelLake, commit: Commit, source: str) -> MlopsError | None:
    try:
        if lake.enforcer is not None:
            lake.enforcer(lake, commit, source)
    except MlopsError as refused:
        return refused
    return None


def _gone(node: Node) -> Node:
    return Node(0, node.program, node.start, ())


def _answer(lake: ModelLake, tracker: MemoryTracker, call: Call) -> Any:
    if call.name == "sleep":
        return None
    if call.name == "tags":
        return lake.tags_of(*call.args)
    target, _, method = call.name.rpartition(".")
    try:
        return getattr(tracker if target else lake, method)(*call.args)
    except MlopsError as error:
        return error


def after_change(state: State, by: int, what: str) -> Iterator[State]:
    """Yield the states in which the others look at what has changed only now, or looked before."""
    states = [state]
    for j, actor in enumerate(state.actors):
        if j != by:
            states = [s for before in states for s in _looking_again(before, j, actor, what)]
    yield from states


def _looking_again(state: State, j: int, actor: Actor, what: str) -> Iterator[State]:
    if what == "main":
        actor = _overtaken(actor)
    if actor.waits and heeds(actor.node, actor.merging, what):
        actor = but(actor, woken=True)
    yield state.having(j, actor)
    if not state.delays:
        return
    for k, glance in enumerate(actor.trail):
        if heeds(glance.node, glance.merging, what):
            length = state.length + 1
            line = Line(state.line, actor.name, length=length, undoes=glance.line)
            back = but(
                actor,
                node=glance.node,
                merging=glance.merging,
                trail=actor.trail[:k],
                attempts=glance.attempts,
                woken=True,
            )
            yield but(state, line=line, delays=max(state.delays - 1, -1)).having(j, back)


def _overtaken(actor: Actor) -> Actor:
    """Return an actor whose merge finds that the branch is not as it was read, and makes another attempt."""

    def stale(merging: Merging | None) -> Merging | None:
        return but(merging, stale=True) if merging is not None else None

    trail = tuple(but(g, merging=stale(g.merging)) for g in actor.trail)
    merging = None if actor.merging is None or actor.merging.proposed else stale(actor.merging)
    return but(actor, trail=trail, merging=merging)
