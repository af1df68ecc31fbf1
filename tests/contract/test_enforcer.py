"""The enforcer on every lake: each forged promotion is refused alike by the shipped Lua and by its double."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.errors import NotFound
from tests.support.forgeries import FORGERIES
from tests.support.forging import Candidate
from tests.support.lakes import fresh_lake
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import Connection
    from mlops.runs.ports import Lake


@pytest.fixture(scope="module")
def standing(connection: Connection | None) -> World:
    """A world with a champion; what the enforcer refuses leaves it as it is."""
    world = new_world("2013-01", "2013-02", lake=fresh_lake(connection))
    world.run(mae=14.0)
    return world


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_promotion_is_refused(standing: World, name: str) -> None:
    forge, error, words = FORGERIES[name]
    candidate = Candidate(standing)
    forge(candidate)
    try:
        with pytest.raises(error, match=words):
            candidate.merge()
    finally:
        _lift_the_hold(candidate.lake)
    assert candidate.lake.head(names.MAIN) == candidate.head


def _lift_the_hold(lake: Lake) -> None:
    try:
        lake.delete_tag(names.HOLD_TAG)
    except NotFound:
        return


def test_what_is_not_spoiled_is_merged(lake: Lake) -> None:
    world = new_world("2013-01", lake=lake)
    world.run(mae=14.0)
    candidate = Candidate(world)
    candidate.decide_anew()
    candidate.record()
    assert candidate.merge() == world.lake.head(names.MAIN)
