"""The audit on every lake: lawful histories are clean, and what no server refuses is found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.main.policy import apply_policy
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.auditing import findings, texts
from tests.support.fakes import FakeClock
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.runs.ports import Lake


class PatientClock(FakeClock):
    """Real waiting: a real lakeFS notices lifted protection only some seconds later."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def world(lake: Lake) -> World:
    made = new_world("2013-01", "2013-02", lake=lake)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    made.run(mae=14.0)
    return made


def test_a_lawful_history_is_clean(world: World) -> None:
    world.run(mae=13.0)
    world.arrive("2013-03")
    world.roll_back()
    resume(world.ports, "go on")
    world.run(mae=12.0)
    apply_policy(world.ports, {names.POLICY: b"metric: mae\nmin_clusters: 20\n"}, "to say so")
    world.run(mae=11.0)
    reconcile(world.ports)
    rollback(world.ports, "forward", forward=True)
    reconcile(world.ports)
    assert texts(findings(world, rescore=True)) == []


def test_a_merge_that_no_server_judged_is_found(world: World) -> None:
    lake, head = world.lake, world.lake.head(names.MAIN)
    lake.create_branch("bare", head)
    lake.remove("bare", [stat.path for stat in lake.list(head, names.ACTIONS)])
    lake.write("bare", "model/mae", b"1.0")
    merged = lake.merge(lake.commit("bare", "bare", {}), names.MAIN, "by hand", {})
    found = {(f.invariant, f.commit) for f in findings(world)}
    assert {("I3", merged), ("I6", merged), ("I10", merged)} <= found


def test_a_source_from_before_the_set_up_is_judged_by_nobody_and_found(world: World) -> None:
    """It changes nothing of what judges: only what it brings and what it does not say gives it away."""
    lake = world.lake
    root = list(lake.log(names.MAIN))[-1].id
    lake.create_branch("old", root)
    lake.write("old", names.raw_path("flights", "2013-09"), b"nobody looked at this")
    merged = lake.merge(lake.commit("old", "old", {}), names.MAIN, "by hand", {})
    assert {("I3", merged), ("I6", merged)} <= {(f.invariant, f.commit) for f in findings(world)}


def test_main_changed_without_a_merge_is_found(
    world: World, in_time: Callable[[Callable[[], object]], None]
) -> None:
    lake, first = world.lake, world.lake.tags()["promotion-000001"]
    world.run(mae=12.0)
    lake.protect([], lake.protection().version)
    in_time(lambda: lake.hard_reset(names.MAIN, first))
    reconcile(world.ports)
    found = findings(world)
    assert any(f.invariant == "I12" and "no rollback dropped it" in f.what for f in found), texts(found)
