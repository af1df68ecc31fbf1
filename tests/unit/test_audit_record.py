"""Main changed and rolled back by hand, and what the audit says of it."""

from __future__ import annotations

import dataclasses

import pytest

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.rollback.rollback import freeze, plan_rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.auditing import findings, lake_of, says, two_promotions, unprotected
from tests.support.memory_lake import Entry
from tests.support.protocol import World


@pytest.fixture
def world() -> World:
    """Two promotions, on a server that refuses nothing any more."""
    return two_promotions()


# --- main changed by hand


def test_a_commit_on_main(world: World) -> None:
    lake = unprotected(world)
    lake.write(names.MAIN, "model/mae", b"1.0")
    lake.commit(names.MAIN, "by hand", {})
    reconcile(world.ports)
    says(world, "I3", "not an allowed change; it changed model/mae")
    says(world, "I5", "no merge")
    says(world, "I6", "nothing")


def test_a_commit_on_main_that_says_it_is_a_promotion(world: World) -> None:
    lake, head = unprotected(world), lake_of(world).head(names.MAIN)
    lake.write(names.MAIN, "model/mae", b"1.0")
    metadata = {**lake.commit_of(head).metadata, "expected_head": head, "number": "3"}
    lake.commit(names.MAIN, "by hand", metadata)
    says(world, "I3", "different number")
    says(world, "I3", "not what was judged: model/mae")
    says(world, "I6", "says it replaces promotion 1, but main held 2")


def test_a_branch_that_was_merged_with_its_commits(world: World) -> None:
    lake = lake_of(world)
    run, head = world.train(mae=10.0), lake.head(names.MAIN)
    merged = lake._store(lake._tree(run.head), (head, run.head), "merge", {})
    lake._branches[names.MAIN] = merged.id
    says(world, "I4", "2 parents")


@pytest.mark.parametrize("strategy", ["source-wins", "dest-wins"])
def test_a_merge_with_a_strategy(world: World, strategy: str) -> None:
    lake, head = lake_of(world), lake_of(world).head(names.MAIN)
    tree = {**lake._tree(head), "raw/flights/2013-09.parquet": Entry(b"x")}
    metadata = {"kind": "ingest", "expected_head": head, "arrival": "2013-09"}
    merged = lake._store(tree, (head,), "m", {**metadata, ".lakefs.merge.strategy": strategy})
    lake._branches[names.MAIN] = merged.id
    says(world, "I5", strategy)
    says(world, "I3", "names no commit with the results of its validation")


def merged(world: World, files: dict[str, bytes | None], fork: str = "", **metadata: str) -> str:
    """Merge files into `main` on a server that refuses nothing."""
    lake, branch = lake_of(world), f"by-hand-{len(lake_of(world).branches())}"
    head = lake.head(names.MAIN)
    lake.create_branch(branch, fork or head)
    for path, data in files.items():
        if data is None:
            lake.remove(branch, [path])
        else:
            lake.write(branch, path, data)
    source = lake.commit(branch, "by hand", {})
    return lake.merge(source, names.MAIN, "by hand", {"expected_head": head, **metadata})


def test_what_judges_changed_without_a_reason(world: World) -> None:
    merged(world, {names.POLICY: b"alpha: 0.5\n"}, kind="policy")
    says(world, "I10", "without a reason")


def test_what_judges_changed_by_an_ingest(world: World) -> None:
    merged(world, {names.POLICY: b"alpha: 0.5\n"}, kind="ingest", arrival="2013-03")
    says(world, "I10", "changed the gate configuration: gate/policy.yaml")


def test_what_judges_is_gone(world: World) -> None:
    merged(world, {names.ENFORCER: None}, kind="policy", reason="it was in the way")
    says(world, "I10", f"left main without {names.ENFORCER}")


def test_a_second_set_up(world: World) -> None:
    merged(world, {names.POLICY: b"alpha: 0.5\n"}, kind="setup")
    says(world, "I10", "set up already")


def test_an_arrival_that_was_not_validated(world: World) -> None:
    failed = world.train(mae=1.0).head
    merged(world, {names.raw_path("flights", "2013-03"): b"x"}, kind="ingest", arrival="2013-03")
    says(world, "I3", "no commit with the results")
    merged(
        world,
        {names.raw_path("flights", "2013-04"): b"x"},
        kind="ingest",
        arrival="2013-04",
        evidence_commit=failed,
    )
    says(world, "I3", "did not pass")
    says(world, "I3", "is not the validated data")


def test_an_ingest_that_takes_others_along(world: World) -> None:
    merged(
        world,
        {names.raw_path("flights", "2013-01"): None, names.raw_path("flights", "2013-02"): b"x"},
        kind="ingest",
        arrival="2013-03",
    )
    says(world, "I7", "2013-01.parquet (removed)")
    says(world, "I7", "2013-02.parquet (changed)")


def test_bytes_that_were_changed_in_the_store(world: World) -> None:
    lake, at = lake_of(world), world.lake.tags()["promotion-000002"]
    entry = lake._trees[at]["model/mae"]
    lake._trees[at] = {**lake._trees[at], "model/mae": Entry(b"1.0", entry.metadata)}
    says(world, "I3", "not what was judged: model/mae")


# --- rollbacks by hand


def test_main_moved_back_by_hand(world: World) -> None:
    lake = unprotected(world)
    lake.hard_reset(names.MAIN, lake.tags()["promotion-000001"])
    says(world, "I12", "promotion-000002 is not on main, and no rollback dropped it")
    says(world, "I11", "the tag champion names")
    says(world, "I11", "the alias champion")
    says(world, "I3", "not protected")


def test_main_moved_back_by_hand_and_every_tag_with_it(world: World) -> None:
    """What a server has forgotten, the tracker still knows."""
    lake, tags = unprotected(world), world.lake.tags()
    lake.hard_reset(names.MAIN, tags["promotion-000001"])
    for tag in ("promotion-000002", f"decision-{'a' * 12}-2"):
        lake.delete_tag(tag)
    reconcile(world.ports)
    seen = findings(world)
    assert ("I12", tags["promotion-000002"]) in {(f.invariant, f.commit) for f in seen}
    says(world, "I12", "the tracker saw promotion")


def test_what_was_rolled_back_brought_back_by_hand(world: World) -> None:
    bad = world.lake.tags()["promotion-000002"]
    world.roll_back()
    lake = unprotected(world)
    lake.hard_reset(names.MAIN, bad)
    reconcile(world.ports)
    says(world, "I7", "was rolled back, and main is based on it")
    says(world, "I7", "which rollback 3 dropped")


def test_a_merge_during_a_rollback(world: World) -> None:
    plan = plan_rollback(world.ports, "half way")
    assert plan is not None
    freeze(world.ports, plan)
    says(world, "I13", "a rollback is under way")
    merged(world, {names.raw_path("flights", "2013-03"): b"x"}, kind="ingest", arrival="2013-03")
    says(world, "I12", "on top of a rollback under way")


def test_a_rollback_that_hides_what_it_dropped(world: World) -> None:
    plan = plan_rollback(world.ports, "quietly")
    assert plan is not None
    record = dataclasses.replace(plan.record, dropped_runs=())
    from mlops.runs.rollback.rollback import carry_out

    frozen = merged(
        world,
        {names.ROLLBACK: document(record.to_json())},
        kind="rollback",
        number="3",
        to_commit=record.to_commit,
    )
    carry_out(world.ports, frozen, record)
    reconcile(world.ports)
    says(world, "I12", "does not record the runs it dropped")
    says(world, "I7", "not marked as revoked")


def test_a_rollback_made_forward_with_other_content(world: World) -> None:
    lake, tags = lake_of(world), world.lake.tags()
    head, target = lake.head(names.MAIN), tags["promotion-000001"]
    content = {c.path: lake.read(target, c.path) for c in lake.diff(head, target) if c.type != "removed"}
    merged(
        world,
        {**content, "model/mae": b"1.0"},
        kind="rollback",
        forward="true",
        number="3",
        to_commit=target,
        record_commit=target,
    )
    says(world, "I12", "its content is not that of")
