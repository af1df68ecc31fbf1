"""An exported record: verified by trusted keys alone, and refused for whatever was changed in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mlops.adapters.record.signing import TrustedKeys
from mlops.runs.errors import Corrupt, NotFound, Untrusted
from mlops.runs.main.state import read_main
from mlops.runs.record.bundle import export_record, verify_bundle
from mlops.runs.rollback.rollback import resume
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.fakes import SIGNER, TRUST
from tests.support.protocol import World, new_world


@pytest.fixture(scope="module")
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=13.0)
    made.roll_back()
    resume(made.ports, "go on")
    made.run(mae=12.0)
    reconcile(made.ports)
    return made


@pytest.fixture
def bundle(world: World) -> dict[str, Any]:
    return json.loads(json.dumps(export_record(world.ports, read_main(world.lake))))


def test_a_record_proves_every_change_and_note(world: World, bundle: dict[str, Any]) -> None:
    proved = verify_bundle(bundle, TRUST, "bundle.json")
    assert (proved.repository, proved.changes, proved.notes) == ("flights", 7, 1)
    assert proved.commit == world.lake.head("main")
    assert proved.keys == (SIGNER.key_id,)


def _drop(position: int) -> Callable[[dict[str, Any]], object]:
    return lambda bundle: bundle["changes"].pop(position)


def _swap(bundle: dict[str, Any]) -> None:
    bundle["changes"][2:4] = bundle["changes"][3], bundle["changes"][2]


def _other_hash(bundle: dict[str, Any]) -> None:
    bundle["changes"][2]["statement_sha256"] = "0" * 64


def _note_about_another(bundle: dict[str, Any]) -> None:
    bundle["notes"][0]["tag"] = "resumed-000009"


def _cut_before_a_note(bundle: dict[str, Any]) -> None:
    del bundle["changes"][4:]


def _note_as_change(bundle: dict[str, Any]) -> None:
    bundle["changes"].append(bundle["notes"][0])


TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "the first change left out": (_drop(0), "change 1 of the record is missing"),
    "a change left out": (_drop(3), "change 4 of the record is missing"),
    "two changes swapped": (_swap, "change 3 of the record is missing or out of its place"),
    "another hash": (_other_hash, "another hash"),
    "a note under another tag": (_note_about_another, "resumed-000009 is another note, about resumed-000003"),
    "cut off before a note": (_cut_before_a_note, "resumed-000003 followed a change that is missing"),
    "a note as a change": (_note_as_change, "about something else"),
    "another repository": (lambda b: b.update(repository="taxis"), "about something else"),
    "no changes": (lambda b: b.update(changes=[]), "no change of main"),
    "another format": (lambda b: b.update(format="x"), "not an exported record"),
    "no list": (lambda b: b.update(changes=7), "not an exported record"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_changed_in_it_is_named(bundle: dict[str, Any], name: str) -> None:
    tamper, words = TAMPERED[name]
    tamper(bundle)
    with pytest.raises(Corrupt, match=words):
        verify_bundle(bundle, TRUST, "bundle.json")


def test_it_proves_nothing_to_somebody_who_trusts_none_of_the_keys(bundle: dict[str, Any]) -> None:
    with pytest.raises(Untrusted, match="not signed by a trusted key"):
        verify_bundle(bundle, TrustedKeys([]), "bundle.json")


def test_there_is_none_of_a_repository_that_signed_nothing() -> None:
    world = new_world("2013-01", signer=None)
    with pytest.raises(NotFound, match="no change of main is signed yet"):
        export_record(world.ports, read_main(world.lake))
