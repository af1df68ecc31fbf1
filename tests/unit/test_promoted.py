"""Promotions are looked up on main alone: whatever tags, branches and other commits say."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.errors import Corrupt, NotFound, Unlawful
from mlops.runs.ports import Lake
from mlops.runs.promotion.promoted import Promoted, PromotedBytes, current, numbered
from mlops.runs.records import Champion, ComparedTo, ObjectRecord
from tests.support.memory_lake import MemoryLake


def promote(lake: MemoryLake, number: int, content: bytes, changes: Mapping[str, str] | None = None) -> str:
    """Commit a promotion to main by hand; return its commit."""
    record = ObjectRecord("model/model.skops", len(content), "", sha256(content))
    champion = Champion(
        number, f"{number:012x}", 1, "e" * 64, ComparedTo(), "i" * 64, "", "r" * 64, (record,)
    )
    lake.write(names.MAIN, "model/model.skops", content)
    lake.write(names.MAIN, names.CHAMPION, document(champion.to_json()))
    metadata = {
        "kind": "promotion",
        "number": str(number),
        "run_id": champion.run_id,
        "evidence_commit": champion.evidence_commit,
    }
    commit = lake.commit(names.MAIN, f"promotion {number}", {**metadata, **(changes or {})})
    lake.create_tag(names.promotion_tag(number), commit)
    return commit


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake()


def test_the_champion_is_the_newest_promotion_that_main_is_based_on(lake: MemoryLake) -> None:
    promote(lake, 1, b"one")
    second = promote(lake, 2, b"two")
    lake.write(names.MAIN, "raw/t/2020-01.parquet", b"rows")
    lake.commit(names.MAIN, "rows", {"kind": "ingest"})
    found = current(lake)
    assert (found.commit.id, found.champion.number) == (second, 2)
    assert [record.path for record in found.objects(names.MODEL)] == ["model/model.skops"]
    assert numbered(lake, 1).champion.number == 1


def test_without_a_promotion_there_is_no_champion(lake: MemoryLake) -> None:
    with pytest.raises(NotFound, match="no champion"):
        current(lake)
    with pytest.raises(NotFound, match="there is no promotion 3"):
        numbered(lake, 3)
    with pytest.raises(NotFound, match="there is no promotion -1"):
        numbered(lake, -1)


def test_what_was_rolled_back_is_not_served(lake: MemoryLake) -> None:
    first = promote(lake, 1, b"one")
    promote(lake, 2, b"two")
    lake.hard_reset(names.MAIN, first)
    assert current(lake).champion.number == 1
    with pytest.raises(NotFound, match="promotion 2 was rolled back"):
        numbered(lake, 2)
    assert PromotedBytes(lake).holder(sha256(b"two")) is None


def test_a_rollback_by_a_new_commit_drops_as_well(lake: MemoryLake) -> None:
    first = promote(lake, 1, b"one")
    promote(lake, 2, b"two")
    metadata = {"kind": "rollback", "forward": "true", "number": "3", "to_commit": first}
    lake.commit_tree(names.MAIN, first, "back", metadata)
    assert current(lake).commit.id == first
    assert PromotedBytes(lake).holder(sha256(b"two")) is None
    with pytest.raises(NotFound, match="promotion 2 was rolled back"):
        numbered(lake, 2)


def test_a_record_that_somebody_edited_on_main_is_not_followed(lake: MemoryLake) -> None:
    commit = promote(lake, 1, b"one")
    record = json.loads(lake.read(commit, names.CHAMPION))
    record["objects"][0]["sha256"] = sha256(b"evil")
    lake.write(names.MAIN, names.CHAMPION, document(record))
    lake.write(names.MAIN, "model/model.skops", b"evil")
    lake.commit(names.MAIN, "a quick fix", {"kind": "ingest"})
    with pytest.raises(Corrupt, match="is not the record of promotion 1"):
        current(lake)
    assert PromotedBytes(lake).holder(sha256(b"evil")) is None


@pytest.mark.parametrize("change", [{"number": "7"}, {"run_id": "0" * 12}, {"evidence_commit": "f" * 64}])
def test_a_promotion_whose_record_is_another_one_s_is_not_served(
    lake: MemoryLake, change: dict[str, str]
) -> None:
    promote(lake, 1, b"one", change)
    with pytest.raises(Corrupt, match="does not describe the promotion"):
        current(lake)


def test_nothing_is_served_that_is_not_vouched_for(lake: MemoryLake) -> None:
    asked: list[int] = []

    def refuse(_: Lake, promoted: Promoted) -> None:
        asked.append(promoted.champion.number)
        raise Unlawful("no signature")

    promote(lake, 1, b"one")
    for ask in (
        lambda: current(lake, refuse),
        lambda: numbered(lake, 1, refuse),
        lambda: PromotedBytes(lake, verify=refuse).holder(sha256(b"one")),
    ):
        with pytest.raises(Unlawful, match="no signature"):
            ask()
    assert asked == [1, 1, 1]


def test_bytes_are_looked_up_at_the_commit_they_come_from_first(lake: MemoryLake) -> None:
    first = promote(lake, 1, b"one")
    promote(lake, 2, b"two")
    asked: list[int] = []
    promoted = PromotedBytes(lake, first, lambda _lake, found: asked.append(found.champion.number))
    holder = promoted.holder(sha256(b"one"))
    assert holder is not None
    assert (holder.commit.id, asked) == (first, [1])
    other = promoted.holder(sha256(b"two"))
    assert other is not None
    assert (other.champion.number, asked) == (2, [1, 2])
    assert promoted.holder(sha256(b"three")) is None
