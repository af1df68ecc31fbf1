"""What the server refuses besides merges: direct changes of `main`, and losing the record."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.errors import LakeError, NotFound, Unlawful
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import resume
from tests.contract.helpers import PatientClock
from tests.support.forging import request_to_forget
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.runs.ports import Lake

#: A real lakeFS caches the actions of a branch for up to 7.5 s.
ACTIONS_CACHE_S = 8.0


@pytest.fixture
def world(lake: Lake) -> World:
    made = new_world("2013-01", lake=lake)
    made.run(mae=14.0)
    made.run(mae=12.0)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    return made


RECORDS = ("promotion-000001", "promotion-000002", f"decision-{'a' * 12}-1")


@pytest.mark.parametrize("tag", RECORDS)
def test_record_tags_are_kept(world: World, tag: str) -> None:
    with pytest.raises(Unlawful, match="record"):
        world.lake.delete_tag(tag)
    assert tag in world.lake.tags()


def test_records_of_a_rollback_are_kept(world: World) -> None:
    run_id = read_main(world.lake).champion.run_id  # type: ignore[union-attr]
    world.roll_back()
    for tag in ("rolledback-000003", "settled-000003", names.revoked_tag(run_id)):
        with pytest.raises(Unlawful, match="record"):
            world.lake.delete_tag(tag)


def test_a_hold_goes_only_with_a_note_of_who_lifted_it(world: World) -> None:
    world.roll_back()
    with pytest.raises(Unlawful, match="mlops resume"):
        world.lake.delete_tag(names.HOLD_TAG)
    resume(world.ports, "go on")
    assert names.HOLD_TAG not in world.lake.tags()
    with pytest.raises(Unlawful, match="record"):
        world.lake.delete_tag(names.resumed_tag(3))


def test_no_rollback_is_said_to_be_over_that_is_not_on_record(world: World) -> None:
    world.roll_back()
    for tag, at in (("settled-000004", "rolledback-000003"), ("settled-000004", names.MAIN)):
        with pytest.raises(Unlawful, match="not on record"):
            world.lake.create_tag(tag, {**world.lake.tags(), names.MAIN: world.lake.head(names.MAIN)}[at])
    assert "settled-000004" not in world.lake.tags()


def test_a_run_that_is_forgotten_loses_its_records_and_no_other(world: World) -> None:
    lake, tags = world.lake, world.lake.tags()
    first = names.run_id(run_of(lake, tags["promotion-000001"]))
    own = ("promotion-000001", f"decision-{'a' * 12}-1")
    for wrong in (lake.head(names.MAIN), request_to_forget(lake, names.run_id("f" * 64), own)):
        with pytest.raises(Unlawful, match="no request to forget"):
            lake.create_tag(f"forgotten-{first}", wrong)
    lake.create_tag(f"forgotten-{first}", request_to_forget(lake, first, own[:1]))
    lake.delete_tag(own[0])
    kept = ("promotion-000002", own[1], f"decision-{'a' * 12}-2", f"forgotten-{first}")
    for tag in kept:
        with pytest.raises(Unlawful):
            lake.delete_tag(tag)


def test_the_run_in_production_is_not_forgotten(world: World) -> None:
    current = names.run_id(run_of(world.lake, world.lake.head(names.MAIN)))
    with pytest.raises(Unlawful, match="what main holds"):
        world.lake.create_tag(f"forgotten-{current}", world.lake.head(names.MAIN))


def run_of(lake: Lake, commit: str) -> str:
    return lake.commit_of(commit).metadata["run_id"]


def test_champion_names_what_main_holds(world: World) -> None:
    lake, tags = world.lake, world.lake.tags()
    lake.delete_tag(names.CHAMPION_TAG)
    with pytest.raises(Unlawful, match="another champion"):
        lake.create_tag(names.CHAMPION_TAG, tags["promotion-000001"])
    with pytest.raises(NotFound):
        lake.commit_of(names.CHAMPION_TAG)
    lake.create_tag(names.CHAMPION_TAG, tags["promotion-000002"])


def test_other_tags_come_and_go(world: World) -> None:
    world.lake.create_tag("release-1", world.lake.head(names.MAIN))
    world.lake.delete_tag("release-1")


def unprotected(lake: Lake, in_time: Callable[[Callable[[], object]], None]) -> None:
    """Lift the protection of `main`, so that only the actions are left."""
    lake.protect([], lake.protection().version)
    in_time(lambda: lake.discard(names.MAIN))


def test_nothing_is_committed_on_main(
    world: World, kind: str, in_time: Callable[[Callable[[], object]], None]
) -> None:
    lake, head = world.lake, world.lake.head(names.MAIN)
    unprotected(lake, in_time)
    if kind == "real":
        time.sleep(ACTIONS_CACHE_S)
    lake.write(names.MAIN, "model/mae", b"1.0")
    with pytest.raises(Unlawful, match="nothing is committed"):
        lake.commit(names.MAIN, "by hand", {})
    assert lake.head(names.MAIN) == head


def test_nothing_is_reverted_or_cherry_picked_on_main(served: LakeFSLake, kind: str) -> None:
    from lakefs_sdk.models.cherry_pick_creation import CherryPickCreation
    from lakefs_sdk.models.revert_creation import RevertCreation

    world = new_world("2013-01", "2013-02", lake=served)
    run = world.train(mae=12.0)
    if kind == "real":
        time.sleep(ACTIONS_CACHE_S)
    head, api = served.head(names.MAIN), served._api.branches_api
    with pytest.raises(Exception, match="nothing is reverted"):
        api.revert_branch(served.repository, names.MAIN, RevertCreation(ref=head, parent_number=1))
    with pytest.raises(Exception, match="nothing is cherry-picked"):
        api.cherry_pick(served.repository, names.MAIN, CherryPickCreation(ref=run.head, parent_number=1))
    assert served.head(names.MAIN) == head


@pytest.mark.parametrize("how", [{"squash_merge": False}, {"squash_merge": True, "strategy": "source-wins"}])
def test_a_merge_is_squashed_and_has_no_strategy(served: LakeFSLake, how: dict[str, object]) -> None:
    from lakefs_sdk.models.merge import Merge

    world = new_world("2013-01", lake=served)
    head = served.head(names.MAIN)
    served.create_branch("mine", head)
    served.write("mine", "raw/flights/2013-02.parquet", b"x")
    source = served.commit("mine", "mine", {})
    metadata = {"kind": "ingest", "arrival": "2013-02", "expected_head": head}
    merge = Merge(message="mine", metadata=metadata, **how)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"squashed|strategy"):
        served._api.refs_api.merge_into_branch(served.repository, source, names.MAIN, merge)
    assert world.lake.head(names.MAIN) == head


def test_a_source_that_is_not_judged_is_refused_by_no_server(world: World) -> None:
    """Open-source lakeFS reads the actions from the source: this is what the audit is for."""
    lake, head = world.lake, world.lake.head(names.MAIN)
    lake.create_branch("bare", head)
    lake.remove("bare", [stat.path for stat in lake.list(head, names.ACTIONS)])
    lake.write("bare", "model/mae", b"1.0")
    try:
        merged = lake.merge(lake.commit("bare", "bare", {}), names.MAIN, "by hand", {})
    except LakeError:
        pytest.fail("this server judges by the actions of main: say so in the README")
    assert merged == lake.head(names.MAIN)
