"""What holds on `main` at any moment, whoever died; every commit of its history is looked at."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.evidence import Decision
from mlops.runs.history import kind_of, promotions, read_json, read_main, read_optional
from mlops.runs.model import Champion, Kind
from mlops.runs.ports import Commit, Lake
from tests.support.protocol import World


def check_main(world: World) -> None:
    """Raise `AssertionError` unless `main` is whole and each promotion replaced what it was compared to."""
    lake = world.lake
    state = read_main(lake)
    _whole(lake, state.head)
    for commit in lake.log(state.head):
        assert kind_of(commit) is not None or not commit.parents, commit
    for commit in promotions(lake, state.head):
        _promotion(lake, commit)
    numbers = [names.event_number(tag) for tag in state.tags]
    used = sorted(number for number in numbers if number is not None)
    assert used == list(range(1, len(used) + 1)), used


def _whole(lake: Lake, commit: str) -> None:
    """What the champion's record lists is what is there."""
    data = read_optional(lake, commit, names.CHAMPION)
    champion = Champion.from_json(read_json(lake, commit, names.CHAMPION)) if data else None
    listed = {(o.path, o.checksum) for o in champion.objects} if champion else set()
    found = {(s.path, s.checksum) for prefix in names.OUTPUTS for s in lake.list(commit, prefix)}
    assert listed == found, commit


def _promotion(lake: Lake, commit: Commit) -> None:
    _whole(lake, commit.id)
    champion = Champion.from_json(read_json(lake, commit.id, names.CHAMPION))
    before = read_optional(lake, commit.parents[0], names.CHAMPION)
    assert champion.compared_to.champion_sha256 == (sha256(before) if before else ""), commit.id
    decision = Decision.from_json(read_json(lake, champion.evidence_commit, names.DECISION))
    assert decision.verdict.promotes, commit.id
    assert decision.compared_to.champion_sha256 == champion.compared_to.champion_sha256, commit.id
    assert str(champion.number) == commit.metadata["number"], commit.id
    assert commit.metadata["kind"] == Kind.PROMOTION
    assert commit.metadata["expected_head"] == commit.parents[0]
