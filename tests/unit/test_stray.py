"""Dropping what is staged on `main` while others protect it, die, or a lake is slow to notice."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.errors import LakeDenied
from mlops.runs.main.protection import CACHE_S, protect_main
from mlops.runs.upkeep.reconcile import reconcile
from mlops.runs.upkeep.stray_changes import drop_staged
from tests.support.faults import Meanwhile, watched
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World, new_world


@pytest.fixture
def world() -> World:
    """Something is staged on a protected `main`."""
    made = new_world("2013-01")
    made.lake.protect([], made.lake.protection().version)
    made.lake.write(names.MAIN, "raw/stray", b"x")
    protect_main(made.lake)
    return made


@pytest.mark.parametrize("call", ["lake.protect", "lake.discard"])
def test_it_goes_on_when_somebody_protects_main_meanwhile(world: World, call: str) -> None:
    plan = Meanwhile(name=call, happens=lambda: protect_main(world.lake))
    assert [change.path for change in drop_staged(watched(world, plan).ports)] == ["raw/stray"]
    assert world.lake.staged(names.MAIN) == []
    assert names.MAIN in world.lake.protection().patterns


def test_two_at_once_are_both_content(world: World) -> None:
    plan = Meanwhile(name="lake.discard", happens=lambda: reconcile(world.ports))
    drop_staged(watched(world, plan).ports)
    assert world.lake.staged(names.MAIN) == []
    assert names.MAIN in world.lake.protection().patterns


def test_main_stays_protected_where_there_is_nothing_to_drop(world: World) -> None:
    reconcile(world.ports)

    def never(*_: object) -> None:
        raise AssertionError("protection was touched")

    world.lake.protect = never  # type: ignore[method-assign]
    assert drop_staged(world.ports) == []


def test_a_lake_that_never_notices_is_waited_for_only_so_long(world: World) -> None:
    lake = world.lake
    assert isinstance(lake, MemoryLake)

    def denied(_: str) -> None:
        raise LakeDenied("cannot write to protected branch", where=names.MAIN)

    lake.discard = denied  # type: ignore[method-assign]
    with pytest.raises(LakeDenied):
        drop_staged(world.ports)
    assert world.ports.clock.slept == CACHE_S  # type: ignore[attr-defined]
    assert names.MAIN in lake.protection().patterns
