"""Killed at any call of a command and run again: the end is that of an undisturbed run.

A process is killed before each call of the lake and the tracker, and after each one before its answer
arrives; then another process runs the same command. The calls are found by running undisturbed first,
and every one of them is killed: the two counts are printed and compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlops.runs import names
from mlops.runs.main.state import read_main
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.commands import COMMANDS, Scenario
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, watched
from tests.support.protocol import World

pytestmark = pytest.mark.slow

KILLED: dict[str, list[int]] = {}


def _as_process(world: World, plan: FaultPlan, name: str) -> World:
    return watched(world, plan, processes=FakeProcesses(f"{name}:1:1"))


def _undisturbed(scenario: Scenario) -> tuple[dict[str, Any], int]:
    plan, world = FaultPlan(), scenario.world()
    scenario.command(_as_process(world, plan, "undisturbed"))
    return scenario.end(world), len(plan.calls)


def _points() -> Iterator[tuple[str, bool]]:
    for name in COMMANDS:
        for after in (False, True):
            yield name, after


@pytest.mark.parametrize(("name", "after"), list(_points()))
def test_killed_at_every_call_and_run_again_ends_as_if_undisturbed(name: str, after: bool) -> None:
    scenario = COMMANDS[name]
    expected, calls = _undisturbed(scenario)
    for at in range(1, calls + 1):
        world = scenario.world()
        plan = FaultPlan(at, after)
        with pytest.raises(Died):
            scenario.command(_as_process(world, plan, "victim"))
        _main_is_whole(world, plan)
        scenario.command(_as_process(world, FaultPlan(), "second"))
        assert scenario.end(world) == expected, (
            f"{name}: killed at call {at}, {plan.calls[-1]}, after={after}"
        )
        KILLED.setdefault(f"{name} {'after' if after else 'before'}", []).append(at)
    assert len(KILLED[f"{name} {'after' if after else 'before'}"]) == calls
    print(f"{name}: {calls} calls found, {calls} killed {'after their effect' if after else 'before'}")  # noqa: T201


def _main_is_whole(world: World, plan: FaultPlan) -> None:
    """Nothing half-done is ever visible on `main`: its champion names exactly the objects that are there."""
    state = read_main(world.lake)
    listed = {(o.path, o.checksum) for o in state.champion.objects} if state.champion else set()
    found = {(s.path, s.checksum) for p in names.OUTPUTS for s in world.lake.list(state.head, p)}
    assert listed == found, plan.calls[-1]


@pytest.mark.parametrize("name", ["rollback", "forward rollback"])
def test_a_rollback_that_was_killed_is_finished_by_whatever_command_comes_next(name: str) -> None:
    scenario = COMMANDS[name]
    expected, calls = _undisturbed(scenario)
    for at in range(1, calls + 1):
        world = scenario.world()
        plan = FaultPlan(at, after=True)
        with pytest.raises(Died):
            scenario.command(_as_process(world, plan, "victim"))
        reconcile(_as_process(world, FaultPlan(), "second").ports)
        state = read_main(world.lake)
        assert state.rollback is None
        assert world.lake.protection().patterns[0] == "main"
        if state.champion and state.champion.number == 1:
            assert scenario.end(world) == expected, plan.calls[-1]
