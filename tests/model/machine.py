"""Actors: the real functions of the core, stopped at every call that others may notice or be noticed by.

What an actor does next follows from the answers it has had, so its state *is* that list of answers. To let it
go one call further its current function is run again from the start with the answers known so far; at the
first call without an answer it is stopped by an exception that nothing in the core catches. States are kept
in a tree, node by node, so that each is computed once however many histories lead there.

Only calls about what is shared stop an actor. What a commit id names never changes, and an actor's own
branches concern nobody else: such calls are made on the spot, in an overlay of the actor's own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

from mlops.runs.arrivals import ingest
from mlops.runs.errors import LakeUnavailable, MainMoved, MlopsError
from mlops.runs.main import policy, state
from mlops.runs.ports import Commit, Ports
from mlops.runs.promotion import decision, opening, promote
from mlops.runs.rollback import reset, rollback
from mlops.runs.upkeep import reconcile
from tests.model.honest import Honest
from tests.model.lake import ModelLake
from tests.model.program import Call, Node, Program, Start
from tests.model.seen import ActorClock, ActorLake, ActorTracker, Pause, Tape
from tests.support.fakes import FakeJudge, FakeProcesses


class Machine:
    """Computes what actors do; remembers every state it has seen."""

    def __init__(
        self, lake: ModelLake, judge: Callable[[Any], FakeJudge], seen_as: type[ActorLake] | None = None
    ) -> None:
        self._overlay, self._judge, self._seen_as = lake.overlay(), judge, seen_as or ActorLake
        self._segments: dict[tuple[str, str], Node] = {}
        self._ends: dict[tuple[str, str], Node] = {}
        self._rounds: dict[tuple[str, int, int, str], Node] = {}
        self.nodes = 0

    def begin(self, program: Program) -> Node:
        """Return the state of an actor that has not done anything."""
        overlay = self._overlay.clone()
        overlay.maker = program.name
        return self._enter(program, Start(0, None, overlay, program.retries))

    def step(self, node: Node, answer: Any) -> Node:
        """Return the state that follows when the node's call is answered."""
        key = _key(answer)
        child = node.children.get(key)
        if child is None:
            child = node.children[key] = self._go_on(node.program, node.start, (*node.answers, answer))
        return child

    def give_up(self, node: Node) -> Node:
        """Return the state of an actor whose command has gone round too often."""
        return self._end(node.program, node.start, MainMoved("went round while nothing changed"))

    def _enter(self, program: Program, start: Start) -> Node:
        key = (program.name, start.key())
        if key not in self._segments:
            self._segments[key] = self._go_on(program, start, ())
        return self._segments[key]

    def _go_on(self, program: Program, start: Start, answers: tuple[Any, ...]) -> Node:
        tape = Tape(answers)
        segment = program.segments[start.segment]
        lake = self._seen_as(program, segment, start.value, start.overlay.clone(), tape)
        ports = Ports(
            lake=lake,
            tracker=ActorTracker(tape),
            clock=ActorClock(tape),
            processes=FakeProcesses(program.name),
            nonce=(nonces := _Nonces(program.name, start.segment, start.retries)),
            proved=Honest(lake.own),
        )
        try:
            value = segment.run(ports, self._judge(lake), start.value)
        except Pause as pause:
            assert tape.call is not None
            again = None
            if tape.call.name in {"head", "main_and_tags"}:
                again = _round(pause, lake.own)
            elif tape.call.name == "protection":
                again = _reset_round(pause, nonces)
            return self._about_to(program, start, answers, tape.call, again)
        except LakeUnavailable as lost:
            if start.retries:
                return self._enter(program, Start(0, None, lake.own, start.retries - 1))
            return self._end(program, start, lost)
        except MlopsError as error:
            return self._end(program, start, error)
        following = start.segment + 1
        if following == len(program.segments):
            return self._end(program, start, value)
        return self._enter(program, Start(following, value, lake.own, start.retries))

    def _about_to(
        self, program: Program, start: Start, answers: tuple[Any, ...], call: Call, again: str | None
    ) -> Node:
        """Return the state before a call; where it begins a round, all that know the same share one."""
        key = (program.name, start.segment, start.retries, f"{start.value!r} {again}")
        if again is not None and key in self._rounds:
            return self._rounds[key]
        self.nodes += 1
        node = Node(self.nodes, program, start, answers, call)
        if again is not None:
            self._rounds[key] = node
        return node

    def _end(self, program: Program, start: Start, result: Any) -> Node:
        key = (program.name, f"{type(result).__name__} {result!r}")
        if key not in self._ends:
            self.nodes += 1
            self._ends[key] = Node(self.nodes, program, start, (), None, result)
        return self._ends[key]


#: Functions that go round until nothing has moved, and the variables that live from one round to the next.
_ROUNDS = {
    promote.promote.__code__: ("decided",),
    decision.decide.__code__: ("run",),
    ingest.ingest.__code__: (),
    rollback.rollback.__code__: ("to",),
    policy.apply_policy.__code__: (),
    opening.open_run.__code__: (),
    reconcile.reconcile.__code__: ("done",),
}
_TOPS = {state.read_main.__code__, ingest._unfrozen.__code__, rollback.plan_rollback.__code__}


def _frames(pause: Pause) -> list[FrameType]:
    trace, frames = pause.__traceback__, list[FrameType]()
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames


def _round(pause: Pause, own: ModelLake) -> str | None:
    """Return what an actor knows that begins a round: two that know the same go on alike, however they came.

    How many rounds went before is left out, so that the limit of rounds is never met.
    """
    frames = _frames(pause)
    # _go_on, the segment, the function that goes round, what it begins with
    if len(frames) < 4 or frames[2].f_code not in _ROUNDS or frames[3].f_code not in _TOPS:
        return None
    if any(f.f_code.co_name == "tags" for f in frames):
        return None
    known = [frames[2].f_locals[name] for name in _ROUNDS[frames[2].f_code]]
    staged = {b: sorted(paths) for b, paths in own._staged.items() if paths and b.startswith("run-")}
    return repr((frames[2].f_code.co_name, known, staged))


#: What is known in a round of a reset, and goes on to be known by those that it is made for.
_RESET = {
    reconcile.reconcile.__code__: ("done", "state"),
    rollback.rollback.__code__: ("plan",),
    reset.reset_main.__code__: ("frozen", "record", "patience_s", "denied_s", "heedless_s"),
}


def _reset_round(pause: Pause, nonces: _Nonces) -> str | None:
    """Return what an actor knows that begins a round of resetting `main`; None elsewhere."""
    frames = _frames(pause)
    asked_by = next(f for f in reversed(frames) if "/mlops/" in f.f_code.co_filename)
    if asked_by.f_code is not reset.reset_main.__code__:
        return None
    known = [f.f_locals[name] for f in frames for name in _RESET.get(f.f_code, ())]
    return repr((known, nonces.used))


class _Nonces:
    """Nonces that no other process uses, and none twice."""

    def __init__(self, name: str, segment: int, retries: int) -> None:
        flat = "".join(c for c in name.lower() if c.isalnum())
        self._prefix, self.used = f"{flat}s{segment}r{retries}x", 0

    def __call__(self) -> str:
        self.used += 1
        return f"{self._prefix}{self.used - 1}"


def _key(answer: Any) -> Any:
    if isinstance(answer, MlopsError):
        return (type(answer).__name__, str(answer))
    if isinstance(answer, dict):
        return tuple(answer.items())
    if isinstance(answer, tuple):
        return tuple(map(_key, answer))
    if isinstance(answer, Commit):
        return answer.id
    return tuple(answer) if isinstance(answer, list) else answer
