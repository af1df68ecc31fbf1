"""The tags of `main` and the tracker, changed by hand, and what the audit says of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mlops.runs import names
from mlops.runs.audit.audit import Version, audit
from mlops.runs.digest import document
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import plan_rollback, resume, rollback
from mlops.runs.upkeep.reconcile import model_uri, reconcile
from tests.support.auditing import (
    MemoryWitness,
    NumberProver,
    findings,
    lake_of,
    says,
    texts,
    two_promotions,
    unprotected,
)
from tests.support.protocol import World

PROMOTED = ("promotion-000001", "promotion-000002")


@pytest.fixture
def world() -> World:
    """Two promotions, on a server that refuses nothing any more."""
    return two_promotions()


# --- tags and caches


@pytest.mark.parametrize("tag", PROMOTED)
def test_a_record_tag_that_was_deleted(world: World, tag: str) -> None:
    lake_of(world).delete_tag(tag)
    says(world, "I12", f"not tagged as {tag}")


def test_a_record_tag_that_was_moved(world: World) -> None:
    lake = lake_of(world)
    lake.delete_tag("promotion-000001")
    lake.create_tag("promotion-000001", lake.head(names.MAIN))
    says(world, "I12", "promotion-000001 names another commit")


def test_a_rollback_whose_tag_was_deleted(world: World) -> None:
    world.roll_back()
    lake_of(world).delete_tag("rolledback-000003")
    says(world, "I12", "promotion-000002 is not on main")
    resume(world.ports, "go on")


def test_a_number_nobody_has(world: World) -> None:
    world.roll_back()
    resume(world.ports, "go on")
    world.run(mae=11.0)
    lake_of(world).delete_tag("rolledback-000003")
    says(world, "I12", "number 3 is missing")


def test_a_number_that_was_taken_twice(world: World) -> None:
    lake_of(world).create_tag("rolledback-000002", world.lake.head(names.MAIN))
    says(world, "I12", "number 2 is taken twice")
    says(world, "I12", "rollback 2 has no readable record")


def test_a_bar_that_was_lifted(world: World) -> None:
    dropped = read_main(world.lake).champion
    assert dropped is not None
    world.roll_back()
    lake_of(world).delete_tag(names.revoked_tag(dropped.run_id))
    says(world, "I7", f"dropped run {dropped.run_id}, which is not marked as revoked")


def test_a_look_that_was_taken_off_the_record(world: World) -> None:
    world.run(mae=15.0)
    lake_of(world).delete_tag(f"decision-{'a' * 12}-2")
    says(world, "I9", "evaluation 2 of holdout aaaaaaaaaaaa is missing")
    says(world, "I9", "not on record by a tag")


def test_a_look_that_names_another_decision(world: World) -> None:
    lake, tags = lake_of(world), world.lake.tags()
    lake.delete_tag(f"decision-{'a' * 12}-2")
    lake.create_tag(f"decision-{'a' * 12}-2", tags[f"decision-{'a' * 12}-1"])
    says(world, "I9", "names a commit that is not this decision")


def test_a_hand_made_tag_explains_nothing_that_is_missing(world: World) -> None:
    lake, tags = lake_of(world), world.lake.tags()
    first = lake.commit_of(tags["promotion-000001"]).metadata["run_id"]
    lake.create_tag(f"forgotten-{first}", lake.head(names.MAIN))
    lake.delete_tag(f"decision-{'a' * 12}-1")
    says(world, "I9", f"forgotten-{first} names no request to forget that run")
    says(world, "I9", "evaluation 1 of holdout aaaaaaaaaaaa is missing from the record")


def test_a_number_that_was_freed_by_a_request_is_not_given_again(world: World) -> None:
    from mlops.runs.upkeep.forget import forget

    run_id = world.run(mae=15.0).run.run_id
    tag = next(t for t, at in world.lake.tags("decision-").items() if run_of_tag(world, at) == run_id)
    forget(world.ports, run_id, "on request")
    assert texts(findings(world)) == []
    lake_of(world).delete_tag(tag)
    assert [f.what for f in findings(world) if not f.proved] == [
        f"{tag} of the forgotten run {run_id} is not kept at its request"
    ]
    again = world.run(mae=16.0)
    assert again.decision.verdict.look == 4
    lake_of(world).create_tag(tag, again.evidence_commit)
    says(world, "I9", f"{tag} was freed by forgetting run {run_id}, and given again")


def run_of_tag(world: World, at: str) -> str:
    return world.lake.commit_of(at).metadata["run_id"]


def test_a_champion_tag_that_was_moved(world: World) -> None:
    lake = lake_of(world)
    lake.delete_tag(names.CHAMPION_TAG)
    says(world, "I11", "the tag champion is missing")
    lake.create_tag(names.CHAMPION_TAG, lake.tags()["promotion-000001"])
    says(world, "I11", "the tag champion names")


def test_protection_that_was_lifted_and_changes_that_are_staged(world: World) -> None:
    lake = unprotected(world)
    lake.write(names.MAIN, "model/mae", b"1.0")
    says(world, "I3", "not protected")
    says(world, "I13", "staged on main, the first model/mae")


# --- the tracker


def _alias_moved(world: World) -> None:
    world.ports.tracker.set_alias("flights", "champion", "1")


def _alias_gone(world: World) -> None:
    world.ports.tracker.set_alias("flights", "champion", None)


def _run_gone(world: World) -> None:
    world.ports.tracker.runs.clear()  # type: ignore[attr-defined]


def _run_renamed(world: World) -> None:
    for tags in world.ports.tracker.runs.values():  # type: ignore[attr-defined]
        tags["mlops.merge_commit"] = "0" * 64


def _version_gone(world: World) -> None:
    world.ports.tracker.versions.popitem()  # type: ignore[attr-defined]


def _version_of_nothing(world: World) -> None:
    world.ports.tracker.register("flights", model_uri("flights", "0" * 64), "", {})


TRACKER: dict[str, tuple[Callable[[World], None], str, str]] = {
    "the alias moved": (_alias_moved, "I11", "the alias champion names version 1"),
    "no alias": (_alias_gone, "I11", "the alias champion names no version"),
    "no run": (_run_gone, "I15", "the tracker has no run"),
    "a run with another commit": (_run_renamed, "I15", "does not name the commit that promoted it"),
    "no version": (_version_gone, "I15", "has no registered version"),
    "a version of a commit nobody knows": (_version_of_nothing, "I12", "which no rollback dropped"),
}


@pytest.mark.parametrize("name", TRACKER)
def test_links_with_the_tracker(world: World, name: str) -> None:
    spoil, invariant, words = TRACKER[name]
    spoil(world)
    says(world, invariant, words)


# --- tags of what never was


def _recorded(world: World, **changes: object) -> str:
    """Return a commit of a branch with the record of a rollback that nobody carried out."""
    lake, tags = lake_of(world), lake_of(world).tags()
    plan = plan_rollback(world.ports, "never", to=1)
    assert plan is not None
    record = dataclasses.replace(plan.record, **changes)
    lake.create_branch("by-hand", tags[PROMOTED[1]])
    lake.write("by-hand", names.ROLLBACK, document(record.to_json()))
    return lake.commit("by-hand", "by hand", {"kind": "rollback-record"})


@pytest.mark.parametrize("forward", [False, True])
def test_a_rollback_that_nobody_carried_out(world: World, forward: bool) -> None:
    # Nothing dropped: nothing that main stands on contradicts it.
    head = world.lake.head(names.MAIN)
    at = _recorded(
        world, to_commit=head, from_commit=head, dropped_runs=(), dropped_arrivals={}, forward=forward
    )
    lake_of(world).create_tag(names.rollback_tag(3), at)
    says(world, "I12", "rolledback-000003 names a commit that did not roll back main")


def test_a_promotion_tag_at_another_commit_of_main(world: World) -> None:
    lake_of(world).create_tag(names.promotion_tag(3), world.lake.head(names.MAIN))
    says(world, "I12", "promotion-000003 names a commit that is not that promotion")


def test_a_run_that_nobody_dropped_is_barred(world: World) -> None:
    lake_of(world).create_tag(names.revoked_tag("0" * 12), world.lake.head(names.MAIN))
    says(world, "I7", "that no rollback dropped")


def test_a_hold_that_no_rollback_set(world: World) -> None:
    lake_of(world).create_tag(names.HOLD_TAG, world.lake.head(names.MAIN))
    says(world, "I12", "on hold, although no rollback placed the hold")


def test_a_look_that_nobody_took(world: World) -> None:
    lake = lake_of(world)
    lake.create_branch("by-hand", world.lake.head(names.MAIN))
    tag = names.decision_tag("f" * 64, 1)
    at = lake.commit("by-hand", "by hand", {"decision_tag": tag}, allow_empty=True)
    lake.create_tag(tag, at)
    says(world, "I9", f"{tag} names a commit that is not this decision")


def test_a_return_that_no_run_asked_for(world: World) -> None:
    lake_of(world).create_tag(names.restored_tag("0" * 12 + "r1"), world.lake.head(names.MAIN))
    says(world, "I7", "names no run that restores old outputs")


def test_what_two_rollbacks_took_off_one_after_the_other_is_explained(world: World) -> None:
    """A rollback made forward, itself taken off main by others, is still known to have been."""
    world.run(mae=10.0)
    for options in ({"forward": True, "to": 2}, {"forward": True, "to": 1}):
        reconcile(world.ports)
        assert rollback(world.ports, "it was wrong", **options) is not None  # type: ignore[arg-type]
        reconcile(world.ports)
    resume(world.ports, "go on")
    world.run(mae=11.0)
    world.roll_back(to=1)
    assert texts(findings(world)) == []


def test_a_model_that_two_processes_registered_at_once_is_known_by_the_lower_number(world: World) -> None:
    class Doubled(MemoryWitness):
        def seen_versions(self, model: str) -> list[Version]:
            seen = list(super().seen_versions(model))
            return [*seen, *(dataclasses.replace(version, version="9") for version in seen)]

    steps = audit(world.ports, NumberProver(), Doubled(world.ports.tracker))  # type: ignore[arg-type]
    assert texts([f for step in steps for f in step.findings]) == []
