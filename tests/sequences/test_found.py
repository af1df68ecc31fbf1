"""Sequences that went wrong once, each by its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops.runs import names
from tests.sequences.machine import DONE, REFUSED
from tests.sequences.shop import PIPELINE, Play, Shop, policy_files

pytestmark = pytest.mark.slow

WORSE, BETTER = ("--param", "shrinkage=300.0"), ("--param", "shrinkage=0.0")


@pytest.fixture
def play(shop: Shop) -> Iterator[Play]:
    """A repository that has been set up."""
    with shop.play() as opened:
        opened.files = policy_files("0")
        assert opened("init", PIPELINE).code == DONE
        yield opened


def arrive(play: Play, *arrivals: str) -> None:
    assert play("ingest", PIPELINE, *arrivals).code == DONE


def clean(play: Play) -> None:
    """Assert that nothing is found, neither by what an earlier audit knows nor from the start."""
    for options in ((), ("--from-start",)):
        answer = play("audit", PIPELINE, *options)
        assert answer.code == DONE, answer.document["findings"]


def test_a_run_without_any_arrival_is_refused_on_record(play: Play) -> None:
    answer = play("run", PIPELINE)
    assert (answer.code, "not_enough_data: main holds no arrival" in answer.error) == (REFUSED, True)
    clean(play)


def test_a_run_on_a_single_arrival_is_refused_on_record(play: Play) -> None:
    """Its reason code reached the lake's client as a member of an enumeration, which it took for no text."""
    arrive(play, "2020-01")
    answer = play("run", PIPELINE)
    assert (answer.code, "not_enough_data" in answer.error) == (REFUSED, True)
    arrive(play, "2020-02")
    assert play("run", PIPELINE).document["number"] == 1
    clean(play)


def test_a_swept_champion_does_not_compete_with_itself(play: Play) -> None:
    arrive(play, "2020-01", "2020-02")
    first = play("run", PIPELINE)
    assert play("sweep", PIPELINE, "--yes").code == DONE
    again = play("run", PIPELINE)
    assert (again.code, again.document["number"], again.evaluated) == (DONE, 1, ())
    assert again.document["merge_commit"] == first.document["merge_commit"]
    clean(play)


@pytest.mark.parametrize("after", ["sweep", "rollback"])
def test_evidence_of_ingests_outlives_sweep_and_collection(play: Play, after: str) -> None:
    arrive(play, "2020-01", "2020-02")
    assert play("run", PIPELINE, *WORSE).code == DONE
    arrive(play, "2020-03")
    assert play("run", PIPELINE, *BETTER).code == DONE
    if after == "rollback":
        assert play("rollback", PIPELINE, "--forward", "--reason", "a look").code == DONE
    assert play("sweep", PIPELINE, "--yes").code == DONE
    assert not play.lake.branches("ingest-")
    play.shop.clock.pass_days(2)
    assert play("lake", "gc").code == DONE
    clean(play)
    assert len(play.lake.tags(names.VALIDATED_TAGS)) == 3


@pytest.mark.parametrize("forward", [False, True])
def test_an_audit_during_a_rollback_leads_to_reconcile(play: Play, forward: bool) -> None:
    """A rollback bars its runs before main moves; the audit said to roll back to another promotion."""
    arrive(play, "2020-01", "2020-02")
    assert play("run", PIPELINE, *BETTER).code == DONE
    options = ("--forward",) if forward else ()
    killed = 0
    for at in range(1, 200):
        answer = play("rollback", PIPELINE, *options, "--reason", "for the test", kill=at, after=True)
        if answer.code is not None:
            break
        killed += 1
        found = play("audit", PIPELINE).document.get("findings", [])
        assert [finding for finding in found if "reconcile" not in finding["todo"]] == []
    assert killed > 3
    clean(play)
