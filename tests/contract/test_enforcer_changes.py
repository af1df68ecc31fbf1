"""The enforcer and changes of `main` that are no promotions: set-up, policy, ingest, rollback."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import Unlawful
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import plan_rollback
from tests.support.lakes import fresh_lake
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import Connection
    from mlops.runs.ports import Lake

ARRIVED = "raw/flights/2013-01.parquet"


@pytest.fixture(scope="module")
def world(connection: Connection | None) -> World:
    """A world with an arrival, which no attempt that is refused changes."""
    return new_world("2013-01", lake=fresh_lake(connection))


def attempt(
    lake: Lake, metadata: Mapping[str, str], files: Mapping[str, bytes | None], fork: str = ""
) -> str:
    """Try to merge files (None removes one) into `main`, from its head unless ``fork`` says otherwise."""
    head = lake.head(names.MAIN)
    branch = f"try{secrets.token_hex(4)}"
    lake.create_branch(branch, fork or head)
    for path, data in files.items():
        if data is None:
            lake.remove(branch, [path])
        else:
            lake.write(branch, path, data)
    source = lake.commit(branch, "try", {})
    return lake.merge(source, names.MAIN, "try", {"expected_head": head, **metadata})


def refused(words: str, lake: Lake, *what: Any, **how: Any) -> None:
    head = lake.head(names.MAIN)
    with pytest.raises(Unlawful, match=words):
        attempt(lake, *what, **how)
    assert lake.head(names.MAIN) == head


# --- what judges


def test_setting_up_twice_is_refused(world: World) -> None:
    refused("set up", world.lake, {"kind": "setup"}, {names.POLICY: b"alpha: 0.5\n"})


def test_what_judges_changes_with_a_reason(lake: Lake) -> None:
    world = new_world("2013-01", lake=lake)
    change = {names.POLICY: b"alpha: 0.01\n"}
    refused("reason", world.lake, {"kind": "policy"}, change)
    refused("reason", world.lake, {"kind": "policy", "reason": "  "}, change)
    commit, paths = apply_policy(world.ports, change, "stricter")
    assert world.lake.commit_of(commit).metadata["reason"] == "stricter"
    assert paths == (names.POLICY,)


@pytest.mark.parametrize(
    "policy",
    [
        b"alpha: 0.9\n",
        b"alpha: high\n",
        b"min_clusters: 1\n",
        b"min_gain: -1\n",
        b"metric: Accuracy\n",
        b"metric: squared_error\n",
        b"must_beat_baseline: 1\n",
        b"tolerance: 1\n",
        b"guards: [{metric: mae}]\n",
        b"guards: [{metric: mae, tolerance: 1, by: a b}]\n",
        b"guards: [{metric: mae, tolerance: 1, slice: a}]\n",
        b"- mae\n",
        b"a: [",
    ],
)
def test_a_policy_that_no_gate_would_follow_is_refused(world: World, policy: bytes) -> None:
    refused("policy.yaml", world.lake, {"kind": "policy", "reason": "try"}, {names.POLICY: policy})


@pytest.mark.parametrize("path", [names.POLICY, names.HOLDOUT_RULE])
def test_main_is_never_left_without_what_judges(world: World, path: str) -> None:
    refused("without", world.lake, {"kind": "policy", "reason": "try"}, {path: None})


def test_a_policy_changes_nothing_but_what_judges(world: World) -> None:
    refused("may not change", world.lake, {"kind": "policy", "reason": "try"}, {ARRIVED: b"other"})


# --- arrivals


@pytest.mark.parametrize(
    ("arrival", "files", "words"),
    [
        ("", {ARRIVED: b"other"}, "names its arrival"),
        ("x/2013-01", {"raw/flights/x/2013-01.parquet": b"x"}, "names its arrival"),
        ("2013-02", {ARRIVED: b"other"}, "may not change"),
        ("2013-01", {ARRIVED: None}, "may not change"),
        ("2013-02", {"raw/flights/2013-02.parquet": b"x", ARRIVED: b"other"}, "may not change"),
        ("2013-02", {"raw/a/b/2013-02.parquet": b"x"}, "may not change"),
        ("2013.02", {"raw/flights/2013-02.parquet": b"x"}, "may not change"),
        ("2013-02", {"model/mae": b"1.0"}, "may not change"),
    ],
)
def test_an_ingest_changes_its_own_arrival_alone(
    world: World, arrival: str, files: dict[str, bytes | None], words: str
) -> None:
    refused(words, world.lake, {"kind": "ingest", "arrival": arrival}, files)


# --- rollbacks


@pytest.fixture(scope="module")
def promoted(connection: Connection | None) -> World:
    """A world with two promotions and an arrival between them."""
    world = new_world("2013-01", lake=fresh_lake(connection))
    world.run(mae=14.0)
    world.arrive("2013-02")
    world.run(mae=12.0)
    return world


def record_of(world: World) -> dict[str, Any]:
    plan = plan_rollback(world.ports, "it was wrong")
    assert plan is not None
    return plan.record.to_json()


def freeze_of(record: Mapping[str, Any]) -> dict[str, str]:
    number, to = str(record["number"]), record["to_commit"]
    return {"kind": "rollback", "number": number, "to_commit": to, "reason": "try"}


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"number": 9}, "different rollbacks"),
        ({"from_commit": "0" * 64}, "different rollbacks"),
        ({"to_commit": "0" * 64}, "different rollbacks"),
        ({"to_number": 2}, "not the promotion it names"),
        ({"dropped_runs": []}, "does not revoke"),
    ],
)
def test_a_rollback_records_what_it_does(promoted: World, spoiled: dict[str, Any], words: str) -> None:
    record = record_of(promoted)
    files = {names.ROLLBACK: document({**record, **spoiled})}
    refused(words, promoted.lake, freeze_of(record), files)


def test_a_rollback_leads_back_on_main(promoted: World) -> None:
    stray = promoted.train(mae=11.0).head
    record = {**record_of(promoted), "to_commit": stray}
    refused("not behind", promoted.lake, freeze_of(record), {names.ROLLBACK: document(record)})


def test_a_freeze_changes_nothing_else(promoted: World) -> None:
    record = record_of(promoted)
    files = {names.ROLLBACK: document(record), names.CHAMPION: b"{}"}
    refused("may not change", promoted.lake, freeze_of(record), files)
    refused("adds rollback.json|may not change", promoted.lake, freeze_of(record), {names.CHAMPION: b"{}"})


def test_a_rollback_takes_the_next_number(promoted: World) -> None:
    record = record_of(promoted)
    for number, words in ((2, "not above"), (7, "leaves out")):
        files = {names.ROLLBACK: document({**record, "number": number})}
        refused(words, promoted.lake, {**freeze_of(record), "number": str(number)}, files)


def content_of(lake: Lake, target: str) -> dict[str, bytes | None]:
    """Return what makes `main` what it was at a commit."""
    head = lake.head(names.MAIN)
    return {
        change.path: lake.read(target, change.path) if change.type != "removed" else None
        for change in lake.diff(head, target)
    }


def test_a_rollback_without_a_reset_lays_the_old_content_on_the_head(lake: Lake) -> None:
    promoted = new_world("2013-01", lake=lake)
    promoted.run(mae=14.0)
    promoted.arrive("2013-02")
    promoted.run(mae=12.0)
    state = read_main(lake)
    target = state.tags["promotion-000001"]
    metadata = {"kind": "rollback", "forward": "true", "number": "3", "to_commit": target, "reason": "try"}
    content = content_of(lake, target)
    assert state.champion is not None
    refused("not revoked", lake, metadata, content)
    lake.create_tag(names.revoked_tag(state.champion.run_id), state.head)
    refused("not as it was", lake, metadata, {**content, "model/mae": b"1.0"})
    refused("may not change", lake, metadata, {**content, names.POLICY: b"alpha: 0.5\n"})
    stray = promoted.train(mae=11.0).head
    refused("not behind", lake, {**metadata, "to_commit": stray}, content)
    attempt(lake, metadata, content)
    assert lake.diff(lake.head(names.MAIN), target) == []
