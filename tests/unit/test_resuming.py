"""Lifting the hold: only when the rollback that set it is finished."""

from __future__ import annotations

import pytest

from mlops.runs import names
from mlops.runs.errors import Frozen, LakeUnavailable
from mlops.runs.main.record_tags import tag_dropped
from mlops.runs.rollback.rollback import freeze, plan_rollback, resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.protocol import World, new_world


@pytest.fixture
def two() -> World:
    world = new_world("2013-01")
    world.run(14.0)
    world.run(12.0)
    return world


def test_a_rollback_under_way_keeps_its_hold(two: World) -> None:
    plan = plan_rollback(two.ports, "it was wrong")
    assert plan is not None
    tag_dropped(two.lake, freeze(two.ports, plan), plan.record)
    with pytest.raises(Frozen, match="still under way"):
        resume(two.ports, "go on")
    assert names.HOLD_TAG in two.lake.tags()
    reconcile(two.ports)
    assert resume(two.ports, "go on")
    assert names.HOLD_TAG not in two.lake.tags()


def test_a_forward_rollback_that_was_announced_keeps_its_hold(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> str:
        raise LakeUnavailable("nobody answers")

    with monkeypatch.context() as patched:
        patched.setattr(two.lake, "merge", lost)
        with pytest.raises(LakeUnavailable):
            rollback(two.ports, "it was wrong", forward=True)
    with pytest.raises(Frozen, match="still under way"):
        resume(two.ports, "go on")
    reconcile(two.ports)
    assert resume(two.ports, "go on")
