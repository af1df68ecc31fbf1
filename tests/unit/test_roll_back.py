"""Rolling back as the command and the demo do: interrupted operations first, tags and MLflow after."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.errors import TrackerUnavailable
from mlops.runs.rollback.plan import plan_rollback
from mlops.runs.rollback.rollback import freeze
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri
from mlops.steps.rollback.roll_back import roll_back, unfinished_rollback
from tests.support.protocol import World, new_world


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    return made


def test_main_tags_and_the_registered_model_are_those_of_the_old_promotion(world: World) -> None:
    target = world.lake.tags()[names.promotion_tag(1)]

    done = roll_back(world.ports, "it was wrong")

    assert done is not None
    assert done.record.to_number == 1
    assert done.tracker_error is None
    assert 0 <= done.reset_s <= done.total_s
    assert world.lake.head(names.MAIN) == world.lake.tags()[names.CHAMPION_TAG] == target
    model = world.lake.repository
    version = world.ports.tracker.version_of(model, model_uri(model, target))
    assert world.ports.tracker.alias(model, CHAMPION_ALIAS) == version is not None
    assert unfinished_rollback(world.lake) is None


def test_there_may_be_nothing_to_return_to() -> None:
    assert roll_back(new_world("2013-01").ports, "it was wrong") is None


def test_a_rollback_that_another_process_began_is_finished_and_returned(world: World) -> None:
    plan = plan_rollback(world.ports, "begun elsewhere")
    assert plan is not None
    freeze(world.ports, plan)
    assert unfinished_rollback(world.lake) == plan.record

    done = roll_back(world.ports, "it was wrong")

    assert done is not None
    assert done.record == plan.record
    assert world.lake.head(names.MAIN) == plan.record.to_commit
    assert unfinished_rollback(world.lake) is None


def test_main_does_not_wait_for_mlflow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise TrackerUnavailable("no answer")

    monkeypatch.setattr(world.ports.tracker, "alias", unavailable)

    done = roll_back(world.ports, "it was wrong")

    assert done is not None
    assert done.tracker_error is not None
    assert world.lake.head(names.MAIN) == done.record.to_commit
