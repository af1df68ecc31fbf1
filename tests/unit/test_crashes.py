"""Killed at any call of an ingest, a run or a rollback and run again: the end is that of an undisturbed run.

A process is killed before each call of the lake and the tracker, and after each one before its answer arrives;
then another process runs the same command. The number of calls is found by running undisturbed first, and
every one of them is killed: the last test prints and compares the two counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlops.runs import names
from mlops.runs.history import read_main
from mlops.runs.reconcile import CHAMPION_ALIAS, reconcile
from mlops.runs.rollback import rollback
from tests.support.fakes import FakeProcesses
from tests.support.faults import Died, FaultPlan, Watched
from tests.support.protocol import World, new_world

Command = Callable[[World], None]
KILLED: dict[str, list[int]] = {}


def _ingest(world: World) -> None:
    world.arrive("2013-03")


def _replace(world: World) -> None:
    world.arrive("2013-02", b"corrected")


def _run(world: World) -> None:
    world.run(mae=11.0)


def _refused(world: World) -> None:
    world.run(mae=15.0)


def _rollback(world: World) -> None:
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", to=1)
    reconcile(world.ports)


COMMANDS: dict[str, Command] = {
    "ingest": _ingest,
    "replace": _replace,
    "run": _run,
    "refused run": _refused,
    "rollback": _rollback,
}


def _prepared() -> World:
    world = new_world("2013-01", "2013-02")
    world.run(mae=14.0)
    world.run(mae=12.0)
    return world


def _as_process(world: World, plan: FaultPlan, name: str) -> World:
    lake = Watched(world.lake, plan, "lake")
    ports = dataclasses.replace(
        world.ports,
        lake=lake,
        tracker=Watched(world.ports.tracker, plan, "tracker"),
        processes=FakeProcesses(f"{name}:1:1"),
    )
    return World(lake, ports, dataclasses.replace(world.judge, lake=lake))  # type: ignore[arg-type]


def _end(world: World) -> dict[str, Any]:
    """Return what must not depend on crashes: contents, events, caches; not ids, which times are part of."""
    state = read_main(world.lake)
    tracker: Any = world.ports.tracker
    alias = tracker.alias("flights", CHAMPION_ALIAS)
    events = {n: t for t in state.tags if (n := names.event_number(t)) is not None}
    return {
        "objects": {
            s.path: s.checksum
            for s in world.lake.list(state.head)
            if s.path not in (names.CHAMPION, names.DECISION, names.RUN_PAGE)
        },
        "champion": state.champion and (state.champion.number, state.champion.run_id),
        "sequence": events,
        "looks": sorted(t for t in state.tags if t.startswith("decision-")),
        "revoked": sorted(t for t in state.tags if t.startswith("revoked-")),
        "hold": state.on_hold,
        "rollback": state.rollback,
        "champion tag": state.tags.get("champion") == world.lake.head("main") or state.tags.get("champion"),
        "alias": alias
        and [uri for (_, uri), v in tracker.versions.items() if v == alias][0][-70:-6] in state.tags.values(),
        "protected": world.lake.protection().patterns,
        "staged": world.lake.staged("main"),
    }


def _undisturbed(command: Command) -> tuple[dict[str, Any], int]:
    plan, world = FaultPlan(), _prepared()
    command(_as_process(world, plan, "undisturbed"))
    return _end(world), len(plan.calls)


def _points() -> Iterator[tuple[str, bool]]:
    for name in COMMANDS:
        for after in (False, True):
            yield name, after


@pytest.mark.parametrize(("name", "after"), list(_points()))
def test_killed_at_every_call_and_run_again_ends_as_if_undisturbed(name: str, after: bool) -> None:
    command = COMMANDS[name]
    expected, calls = _undisturbed(command)
    for at in range(1, calls + 1):
        world = _prepared()
        plan = FaultPlan(at, after)
        with pytest.raises(Died):
            command(_as_process(world, plan, "victim"))
        _main_is_whole(world, plan)
        command(_as_process(world, FaultPlan(), "second"))
        assert _end(world) == expected, f"{name}: killed at call {at}, {plan.calls[-1]}, after={after}"
        KILLED.setdefault(f"{name} {'after' if after else 'before'}", []).append(at)
    assert len(KILLED[f"{name} {'after' if after else 'before'}"]) == calls
    print(f"{name}: {calls} calls found, {calls} killed {'after their effect' if after else 'before'}")  # noqa: T201


def _main_is_whole(world: World, plan: FaultPlan) -> None:
    """Nothing half-done is ever visible on `main`: its champion names exactly the objects that are there."""
    state = read_main(world.lake)
    assert state.champion is not None
    listed = {(o.path, o.checksum) for o in state.champion.objects}
    found = {(s.path, s.checksum) for p in names.OUTPUTS for s in world.lake.list(state.head, p)}
    assert listed == found, plan.calls[-1]


def test_a_rollback_that_was_killed_is_finished_by_whatever_command_comes_next() -> None:
    expected, calls = _undisturbed(_rollback)
    for at in range(1, calls + 1):
        world = _prepared()
        plan = FaultPlan(at, after=True)
        with pytest.raises(Died):
            _rollback(_as_process(world, plan, "victim"))
        reconcile(_as_process(world, FaultPlan(), "second").ports)
        state = read_main(world.lake)
        assert state.rollback is None
        assert world.lake.protection().patterns == ("main",)
        if state.champion and state.champion.number == 1:
            assert _end(world) == expected, plan.calls[-1]
