"""Changes that somebody staged on `main` by hand: dropped by whoever comes next, on every lake."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.errors import LakeError
from mlops.runs.rollback.rollback import freeze, plan_rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.fakes import FakeClock
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.runs.ports import Lake

InTime = Callable[[Callable[[], object]], None]


class PatientClock(FakeClock):
    """Real waiting: a real lakeFS notices lifted protection only some seconds later."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def world(lake: Lake) -> World:
    made = new_world("2013-01", "2013-02", lake=lake)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    made.run(mae=14.0)
    made.run(mae=12.0)
    return made


def stage(world: World, in_time: InTime, *, protected: bool) -> None:
    """Write and remove on `main`, which was unprotected for it."""
    lake = world.lake
    lake.protect([], lake.protection().version)
    in_time(lambda: lake.write(names.MAIN, "raw/flights/2013-09.parquet", b"by hand"))
    lake.remove(names.MAIN, [names.METRICS])
    if protected:
        lake.protect([names.MAIN], lake.protection().version)
    assert len(lake.staged(names.MAIN)) == 2


@pytest.mark.parametrize("protected", [True, False])
def test_what_is_staged_on_main_is_dropped_and_told(world: World, in_time: InTime, protected: bool) -> None:
    head = world.lake.head(names.MAIN)
    stage(world, in_time, protected=protected)

    done = reconcile(world.ports)

    assert f"dropped what was staged on main: raw/flights/2013-09.parquet, {names.METRICS}" in done
    assert (world.lake.staged(names.MAIN), world.lake.head(names.MAIN)) == ([], head)
    assert names.MAIN in world.lake.protection().patterns
    assert reconcile(world.ports) == []


def test_nothing_is_merged_while_anything_is_staged_and_the_next_command_goes_on(
    world: World, in_time: InTime
) -> None:
    stage(world, in_time, protected=True)
    plan = plan_rollback(world.ports, "it was wrong")
    assert plan is not None
    with pytest.raises(LakeError):
        freeze(world.ports, plan)

    assert world.run(mae=10.0).number == 3
    assert [stat.path for stat in world.lake.list(names.MAIN, names.RAW)] == [
        "raw/flights/2013-01.parquet",
        "raw/flights/2013-02.parquet",
    ]


def test_what_is_staged_on_a_frozen_main_is_dropped_with_the_rollback(world: World, in_time: InTime) -> None:
    plan = plan_rollback(world.ports, "it was wrong")
    assert plan is not None
    freeze(world.ports, plan)
    stage(world, in_time, protected=False)

    done = reconcile(world.ports)

    assert done[0].startswith("dropped what was staged on main: raw/flights/2013-09.parquet")
    assert done[1] == "finished rollback 3 to promotion 1"
    assert (world.lake.staged(names.MAIN), world.lake.head(names.MAIN)) == ([], plan.record.to_commit)
