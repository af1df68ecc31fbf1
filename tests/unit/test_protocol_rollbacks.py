"""Rollbacks of whole runs: what goes back, what waits, and two of them at the same time."""

from __future__ import annotations

import dataclasses
import json

import pytest

from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.decisions import Outcome, Reason
from mlops.runs.errors import (
    Frozen,
    InputError,
    NotPromoted,
    OnHold,
)
from mlops.runs.main.state import promotions, read_main
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.rollback import freeze, plan_rollback, protect_main, resume, rollback
from mlops.runs.upkeep.reconcile import model_uri, reconcile
from tests.support.fakes import FakeProcesses
from tests.support.faults import Meanwhile, watched
from tests.support.protocol import World, champion_alias, fails, new_world, train


@pytest.fixture
def world() -> World:
    return new_world("2013-01", "2013-02")


def test_rollback_returns_data_and_model_together_and_tags_what_it_dropped(world: World) -> None:
    first = world.run(mae=14.0)
    world.arrive("2013-03")
    second = world.run(mae=12.0)
    world.roll_back()
    state = read_main(world.lake)
    assert state.head == first.merge_commit
    assert world.lake.read("main", "model/mae") == b"14.0"
    assert "raw/flights/2013-03.parquet" not in {s.path for s in world.lake.list("main")}
    assert state.is_revoked(second.run.run_id)
    assert state.on_hold
    assert json.loads(world.lake.read(state.tags["rolledback-000003"], "rollback.json"))["to_number"] == 1
    assert state.tags["champion"] == state.head
    assert champion_alias(world) == model_uri("flights", state.head)
    assert world.lake.protection().patterns[0] == "main"


def test_rollback_with_nothing_to_go_back_to_does_nothing(world: World) -> None:
    assert rollback(world.ports, "no champion yet") is None
    world.run(mae=12.0)
    head = world.lake.head("main")
    assert rollback(world.ports, "only one") is None
    assert world.lake.head("main") == head


def test_rollback_to_a_number_that_is_not_on_main_names_the_ones_that_are(world: World) -> None:
    world.run(mae=14.0)
    with pytest.raises(InputError, match="choose one of: 1"):
        rollback(world.ports, "?", to=7)


def test_promotions_wait_until_they_are_resumed(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=12.0)
    world.roll_back()
    with pytest.raises(OnHold, match="resume"):
        world.run(mae=11.0)
    assert resume(world.ports, "data was fixed")
    assert world.run(mae=11.0).number == 4
    assert not resume(world.ports, "again")


def test_a_run_that_was_rolled_back_does_not_return_under_the_same_inputs(world: World) -> None:
    world.run(mae=14.0)
    dropped = world.run(mae=12.0)
    world.roll_back()
    resume(world.ports, "go on")
    with pytest.raises(NotPromoted, match="revoked"):
        world.run(mae=12.0)
    repeated = train(world.ports, 12.0, dropped.run.inputs, again=1)
    assert repeated.run_id == dropped.run.run_id + "n1"
    refused = decide(world.ports, world.judge, repeated).decision.verdict
    assert refused.outcome is Outcome.REFUSE
    assert refused.findings[0].reason is Reason.REPEATS_ROLLED_BACK


def test_a_dropped_delivery_returns_only_when_told_to(world: World) -> None:
    world.run(mae=14.0)
    world.arrive("2013-03")
    world.run(mae=12.0)
    world.roll_back()
    with pytest.raises(InputError, match="--again"):
        world.arrive("2013-03")
    assert not world.arrive("2013-03", b"corrected rows").unchanged
    world.arrive("2013-03", again=True)


def test_a_frozen_main_takes_nothing_until_somebody_finishes_the_rollback(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=12.0)
    run = decide(world.ports, world.judge, world.train(mae=11.0)).run
    plan = plan_rollback(world.ports, "half way")
    assert plan is not None
    freeze(world.ports, plan)
    with pytest.raises(Frozen):
        promote(world.ports, world.judge, run)
    with pytest.raises(Frozen):
        ingest(world.ports, Delivery("2013-09", {"flights": b"x"}, "test"), fails)
    done = reconcile(world.ports)
    assert "finished rollback 3" in done[0]
    assert read_main(world.lake).head == plan.record.to_commit


@pytest.fixture
def two(world: World) -> World:
    """Two promotions, and an arrival since the first."""
    world.run(mae=14.0)
    world.arrive("2013-03")
    world.run(mae=12.0)
    return world


def beside(world: World, name: str) -> World:
    """Return the world as another process sees it."""
    ports = dataclasses.replace(world.ports, processes=FakeProcesses(f"{name}:2:2"))
    return World(world.lake, ports, world.judge)


def test_of_two_rollbacks_at_once_one_is_made_and_neither_uses_the_other_s_branch(two: World) -> None:
    plan = Meanwhile(name="lake.write", happens=lambda: rollback(beside(two, "other").ports, "theirs", to=1))
    assert rollback(watched(two, plan).ports, "mine", to=1) is None
    state = read_main(two.lake)
    assert state.champion is not None
    assert state.champion.number == 1
    assert json.loads(two.lake.read(state.tags["rolledback-000003"], "rollback.json"))["reason"] == "theirs"


@pytest.mark.parametrize("call", ["lake.create_tag", "lake.protect", "lake.discard", "lake.hard_reset"])
def test_a_rollback_that_somebody_else_finishes_takes_nothing_off_main_that_came_since(
    two: World, call: str
) -> None:
    def finish_and_arrive() -> None:
        beside(two, "other").arrive("2013-04")

    record = rollback(watched(two, Meanwhile(name=call, happens=finish_and_arrive)).ports, "mine", to=1)
    assert record is not None
    assert "raw/flights/2013-04.parquet" in {stat.path for stat in two.lake.list("main")}
    assert "raw/flights/2013-03.parquet" not in {stat.path for stat in two.lake.list("main")}
    assert two.lake.protection().patterns[0] == "main"
    assert two.ports.clock.slept < 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", ["lake.protect", "lake.discard", "lake.hard_reset"])
def test_a_rollback_goes_on_when_somebody_protects_main_meanwhile(two: World, call: str) -> None:
    plan = Meanwhile(name=call, happens=lambda: protect_main(two.lake))
    assert rollback(watched(two, plan).ports, "mine", to=1)
    champion = read_main(two.lake).champion
    assert champion is not None
    assert champion.number == 1
    assert two.lake.protection().patterns[0] == "main"


def test_two_who_protect_main_at_once_are_both_content(world: World) -> None:
    world.lake.protect([], world.lake.protection().version)
    plan = Meanwhile(name="lake.protect", happens=lambda: protect_main(world.lake))
    assert not protect_main(watched(world, plan).lake)
    assert world.lake.protection().patterns == ("main",)


def test_a_forward_rollback_finds_main_there_already(two: World) -> None:
    plan = Meanwhile(name="lake.merge", happens=lambda: rollback(beside(two, "other").ports, "theirs", to=1))
    assert rollback(watched(two, plan).ports, "mine", to=1, forward=True) is None
    reconcile(two.ports)
    assert [c.metadata["number"] for c in promotions(two.lake, "main")] == ["1"]
    assert not two.lake.branches("rollback-")
