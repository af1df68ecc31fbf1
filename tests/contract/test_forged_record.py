"""With the lake's key and without the signing key nobody can make the audit pass."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.errors import Unlawful
from mlops.runs.rollback.rollback import resume
from mlops.runs.upkeep.reconcile import reconcile
from tests.contract.helpers import PatientClock
from tests.support.auditing import findings, texts
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World, new_world
from tests.support.record_forgeries import RECORD_FORGERIES
from tests.support.record_tampering import MemorySeen, move_main, unguarded

if TYPE_CHECKING:
    from mlops.runs.ports import Lake


@pytest.fixture
def world(lake: Lake) -> World:
    """Three promotions, of which one was rolled back, an arrival at the end; seen by a witness."""
    made = new_world("2013-01", lake=lake, witnesses=(MemorySeen(),))
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    made.run(mae=14.0)
    made.run(mae=13.0)
    made.roll_back()
    resume(made.ports, "go on")
    made.run(mae=12.0)
    made.arrive("2013-09")
    reconcile(made.ports)
    return made


def lines(world: World) -> list[str]:
    """Return what the audit proves, as it prints it."""
    return [f"{f.invariant}: {f.what}" for f in findings(world, rescore=True) if f.proved]


def test_nothing_is_found_where_nothing_was_forged(world: World) -> None:
    assert texts(findings(world, rescore=True)) == []


@pytest.mark.parametrize("name", RECORD_FORGERIES)
def test_a_forgery_is_refused_or_found(world: World, name: str) -> None:
    forgery, lake = RECORD_FORGERIES[name], world.lake
    if forgery.refused:
        with pytest.raises(Unlawful, match=forgery.refused):
            forgery.forge(world)
        if not isinstance(lake, MemoryLake):
            return  # only a server that runs other actions lets this pass
    with unguarded(lake):
        forgery.forge(world)
    found = lines(world)
    assert any(re.fullmatch(forgery.line, line) for line in found), found
    assert all(finding.todo for finding in findings(world)), found


def test_a_repository_made_anew_is_not_the_one_that_was_seen(world: World) -> None:
    """Somebody makes it again under its name, with a history of their own that nobody signed."""
    other = new_world("2013-01", lake=MemoryLake(world.lake.repository), signer=None)
    other.run(mae=1.0)
    ports = dataclasses.replace(other.ports, witnesses=world.ports.witnesses)
    found = lines(dataclasses.replace(other, ports=ports))
    assert any(re.match("I16: the state folder saw change 7 of main", line) for line in found), found


def test_a_witness_that_saw_more_is_not_overwritten(world: World) -> None:
    (witness,) = world.ports.witnesses
    seen = witness.read()
    move_main(world.lake, world.lake.commit_of(names.MAIN).parents[0])
    reconcile(world.ports)
    world.arrive("2013-04")
    reconcile(world.ports)
    assert witness.read() == seen
    assert any("main was rewritten" in line for line in lines(world))
