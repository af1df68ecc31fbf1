"""Whatever died where: once the same command has been run again, the audit finds nothing."""

from __future__ import annotations

import random

import pytest

from mlops.runs.upkeep.reconcile import reconcile
from tests.support.auditing import findings, texts
from tests.support.commands import COMMANDS
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, watched
from tests.support.protocol import World

#: Points at which each command dies; every point is tried elsewhere, for how it ends.
POINTS = 8


def _as_process(world: World, plan: FaultPlan, name: str) -> World:
    return watched(world, plan, processes=FakeProcesses(f"{name}:1:1"))


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_found_after_a_crash(name: str) -> None:
    scenario, plan = COMMANDS[name], FaultPlan()
    scenario.command(_as_process(scenario.world(), plan, "undisturbed"))
    dice = random.Random(name)
    for at in dice.sample(range(1, len(plan.calls) + 1), min(POINTS, len(plan.calls))):
        world, fatal = scenario.world(), FaultPlan(at, after=dice.random() < 0.5)
        with pytest.raises(Died):
            scenario.command(_as_process(world, fatal, "victim"))
        scenario.command(_as_process(world, FaultPlan(), "second"))
        reconcile(world.ports)
        # What a stranger staged on main stays there for a person to look at.
        found = [f for f in findings(world) if "staged on main" not in f.what]
        assert texts(found) == [], f"killed at call {at}, {fatal.calls[-1]}"
