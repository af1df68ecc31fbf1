"""Worlds to start from, and who is at work in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.main.setup import set_up
from mlops.runs.ports import Ports
from mlops.runs.upkeep.reconcile import reconcile
from tests.model import programs
from tests.model.explorer import Explorer, Report
from tests.model.guards import ALL_ON, Guards
from tests.model.lake import ModelLake
from tests.model.machine import Machine
from tests.model.program import Program
from tests.model.state import Actor, Past, State, but
from tests.model.stepper import Stepper
from tests.support.enforcer import enforce, refuse_direct
from tests.support.fakes import MemoryTracker, fake_ports
from tests.support.protocol import GATE_FILES, passes

#: Arrivals and promotions (mean absolute errors) that `main` holds at the start.
PLAIN = ("2013-01", 14.0, 12.0)
RICH = ("2013-01", 14.0, "2013-02", 12.0)


@lru_cache(maxsize=8)
def _world(story: tuple[str | float, ...]) -> tuple[ModelLake, MemoryTracker, Past]:
    """Return a repository in which these things have happened."""
    lake = ModelLake()
    lake.maker, lake.enforcer, lake.hook = "start", enforce, refuse_direct
    # Unsigned, as in the model nobody forges anything; a statement would tell equal histories apart.
    ports, judge = fake_ports(lake, signer=None, trust=None), programs.Judge(lake)
    set_up(ports, GATE_FILES)
    past = Past()
    for event in story:
        if isinstance(event, str):
            ingest(ports, Delivery(event, {"flights": event.encode()}, "model"), passes)
            continue
        value: Any = None
        for segment in programs.run("start", event).segments:
            value = segment.run(ports, judge, value)
        reconcile(ports)
        past = but(past, numbers=past.numbers | {value.number}, promoted=past.promoted | {value.run.run_id})
    assert isinstance(ports, Ports)
    return lake, ports.tracker, past  # type: ignore[return-value]


@dataclass(frozen=True)
class Scenario:
    """Who is at work, and what may go wrong.

    Attributes:
        name: For the report.
        actors: The processes and people.
        story: What has happened before.
        losses: Answers that may get lost.
        lag: How long the server may go on with outdated protection rules, in changes of anything.
        delays: How many looks may be taken later than at once; -1 for any number.
        quiet: Whether everybody dies in every state, and reconcile is run then.
        in_line: Whether caches must be in line at the end without another reconcile.
        max_steps: Longest history.
    """

    name: str
    actors: tuple[Program, ...]
    story: tuple[str | float, ...] = PLAIN
    losses: int = 0
    lag: int = 0
    delays: int = -1
    quiet: bool = True
    in_line: bool = False
    max_steps: int = 1000
    options: dict[str, Any] = field(default_factory=dict)

    def explore(
        self, guards: Guards = ALL_ON, *, shortest: bool = False, max_states: int = 1_000_000
    ) -> Report:
        """Follow every history, with all guards or without some."""
        lake, tracker, past = _world(self.story)
        lake = lake.clone()
        guards.apply(lake)
        lake.lag = self.lag
        machine = Machine(lake, programs.Judge, guards.lake_class)
        actors = tuple(Actor(machine.begin(p), begun=bool(p.ahead)) for p in guarded(self.actors, guards))
        copied = MemoryTracker({}, dict(tracker.versions), dict(tracker.aliases))
        start = State(lake, copied, actors, past, losses=self.losses, delays=self.delays)
        explorer = Explorer(
            self.name,
            Stepper(machine),
            quiet=self.quiet and guards.all_on,
            in_line=self.in_line,
            max_states=max_states,
            max_steps=self.max_steps,
        )
        return explorer.search(start, shortest=shortest)


def guarded(actors: Iterable[Program], guards: Guards) -> tuple[Program, ...]:
    """Return the actors as they are under some guards."""
    return tuple(guards.program(actor) for actor in actors)
