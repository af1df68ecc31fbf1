"""The event log lists promotions, rollbacks and forgotten runs from the record, newest first."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.main.event_log import Forgotten, Promoted, RolledBack, read_event_log
from mlops.runs.upkeep.forget import forget
from tests.support.protocol import World, new_world


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    return made


def test_lists_the_newest_first_and_counts_the_rest(world: World) -> None:
    events, older = read_event_log(world.lake, limit=1)

    assert [event.number for event in events] == [2]
    assert older == 1


def test_says_what_a_rollback_dropped(world: World) -> None:
    world.roll_back()
    events, older = read_event_log(world.lake, limit=9)

    rolled_back, dropped, kept = events
    assert isinstance(rolled_back, RolledBack)
    assert rolled_back.record.to_number == 1
    assert isinstance(dropped, Promoted)
    assert isinstance(kept, Promoted)
    assert (dropped.on_main, kept.on_main) == (False, True)
    assert older == 0


def test_knows_a_merge_before_it_is_tagged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.lake, "hook", None)  # the enforcer lets nobody delete the tag of a promotion
    world.lake.delete_tag(names.promotion_tag(2))

    events, _ = read_event_log(world.lake, limit=9)

    assert [(event.number, type(event)) for event in events] == [(2, Promoted), (1, Promoted)]


def test_keeps_the_request_of_a_forgotten_run(world: World) -> None:
    dropped = world.run(mae=10.0).run.run_id
    world.roll_back()
    forget(world.ports, dropped, "somebody asked")

    forgotten = next(event for event in read_event_log(world.lake, limit=9)[0] if event.number == 3)

    assert isinstance(forgotten, Forgotten)
    assert (forgotten.run_id, forgotten.reason) == (dropped, "somebody asked")


def test_is_empty_before_the_first_promotion() -> None:
    assert read_event_log(new_world("2013-01").lake, limit=9) == ([], 0)
