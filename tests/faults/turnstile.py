"""A turnstile: racing processes go on one call at a time, in an order that a seed decides.

Each racer asks before every call that leaves its process. The order of calls then is a function of the seed
alone, whatever the machine is doing; with a width above one, so many go through at once and overlap in the
server. Racers at the barrier wait until all others are there or have ended.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.faults import FaultPlan

BARRIER = "the barrier"
#: What a racer is told: one step, or all the rest without asking.
STEP, FREE = b".", b"!"
#: A racer is slower or faster than another for so many steps, and by so much.
PHASE_STEPS = 40
SPEEDS = (1, 1, 8, 64)


@dataclass
class Turnstile(FaultPlan):
    """A racer's end: asks before each call."""

    line: socket.socket | None = None
    free: bool = False

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.ask(name)
        return function(*args, **kwargs)

    def ask(self, name: str) -> None:
        """Return when it is this racer's turn."""
        if self.free:
            return
        assert self.line is not None
        self.line.sendall(json.dumps({"at": name}).encode() + b"\n")
        answer = self.line.recv(1)
        if not answer:
            raise SystemExit("the race is over")
        self.free = answer == FREE

    def barrier(self) -> None:
        """Return when every racer is here or has ended."""
        self.ask(BARRIER)


@dataclass
class TurnstileClock:
    """Waiting is a step like any other; nothing sleeps, except where nobody directs the race any more."""

    turnstile: Turnstile

    def now_s(self) -> int:
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        self.turnstile.ask("clock.sleep")
        if self.turnstile.free:
            time.sleep(seconds)


@dataclass
class Racer:
    """The director's view of one racer.

    Attributes:
        name: Its name.
        line: Its line to the director.
        at: The call it waits before; empty while it moves.
        ended: Whether its process has ended.
    """

    name: str
    line: socket.socket
    at: str = ""
    ended: bool = False
    heard: bytes = b""

    @property
    def moves(self) -> bool:
        """Whether nothing has been heard of it since it was told to go."""
        return not self.at and not self.ended

    def hear(self) -> None:
        """Take in what it says; the end of the line is the end of the process."""
        data = self.line.recv(65536)
        self.heard += data
        self.ended = not data
        if self.heard.endswith(b"\n"):
            self.at, self.heard = json.loads(self.heard)["at"], b""


@dataclass
class Director:
    """Lets racers through.

    Attributes:
        racers: All of them, in a fixed order.
        seed: Decides the order of calls.
        width: How many may go through at once, at most.
        limit_s: When to give up, seconds after the start.
        free: Whether the barrier, once open, lets everybody go on without asking.
        delays: Racer to how many steps after the opening of the barrier it goes on, unless nobody else can.
        trace: Racer and call, in order.
    """

    racers: list[Racer]
    seed: int
    width: int = 1
    limit_s: float = 200.0
    free: bool = False
    delays: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    opened_at: int = -1
    opened_at_s: float = 0.0

    def run(self) -> list[str]:
        """Direct until all have ended; return who was left waiting, and for what, when time was up."""
        rng, ends_at_s = random.Random(self.seed), time.monotonic() + self.limit_s
        speeds: dict[str, int] = {}
        with selectors.DefaultSelector() as selector:
            for racer in self.racers:
                selector.register(racer.line, selectors.EVENT_READ, racer)
            while self._hear(selector, ends_at_s):
                living = [racer for racer in self.racers if not racer.ended]
                if not living:
                    return []
                if len(self.trace) % PHASE_STEPS == 0:
                    speeds = {racer.name: rng.choice(SPEEDS) for racer in self.racers}
                if self.opened_at < 0 and all(racer.at == BARRIER for racer in living):
                    self.opened_at, self.opened_at_s = len(self.trace), time.monotonic()
                ready = self._ready(living)
                for _ in range(len(ready) if self._all_at_once else rng.randint(1, self.width)):
                    chosen = rng.choices(ready, [speeds[racer.name] for racer in ready])[0]
                    self._let(chosen)
                    ready.remove(chosen)
                    if not ready:
                        break
        return [f"{r.name}: {r.at or 'on its way'}" for r in self.racers if not r.ended]

    def _hear(self, selector: selectors.BaseSelector, ends_at_s: float) -> bool:
        """Wait until everybody waits or has ended; return whether that came in time."""
        while any(racer.moves for racer in self.racers):
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0:
                return False
            for key, _ in selector.select(left_s):
                key.data.hear()
                if key.data.ended:
                    selector.unregister(key.fileobj)
        return True

    @property
    def _all_at_once(self) -> bool:
        return self.free and self.opened_at >= 0

    def _ready(self, living: list[Racer]) -> list[Racer]:
        """Return who may go on: not who is at the barrier, until it is open and the racer's delay is over."""
        behind = [racer for racer in living if racer.at != BARRIER]
        if self.opened_at < 0:
            return behind
        steps = len(self.trace) - self.opened_at
        at_barrier = [racer for racer in living if racer.at == BARRIER]
        due = [racer for racer in at_barrier if self.delays.get(racer.name, 0) <= steps]
        first = min(at_barrier, key=lambda racer: self.delays.get(racer.name, 0), default=None)
        return behind + due or [racer for racer in (first,) if racer]

    def _let(self, racer: Racer) -> None:
        self.trace.append(f"{racer.name}: {racer.at}")
        racer.at = ""
        racer.line.sendall(FREE if self._all_at_once else STEP)
