"""The audit over a lake in memory: silent about lawful histories, and by name about every other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlops.runs import names
from mlops.runs.audit.audit import failure
from mlops.runs.main.policy import apply_policy
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from tests.support.auditing import findings, texts
from tests.support.forgeries import FORGERIES
from tests.support.forging import Candidate
from tests.support.protocol import World, new_world
from tests.support.returning import replaced, restored


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    return made


# --- lawful histories


def _nothing(_: World) -> None:
    return


def _race(world: World) -> None:
    slow = decide(world.ports, world.judge, world.train(mae=10.0)).run
    world.run(mae=11.0)
    record_promotion(world.ports, promote(world.ports, world.judge, slow))
    reconcile(world.ports)


def _arrival_in_between(world: World) -> None:
    run = decide(world.ports, world.judge, world.train(mae=10.0)).run
    world.arrive("2013-03")
    record_promotion(world.ports, promote(world.ports, world.judge, run))
    reconcile(world.ports)


def _replaced_arrival(world: World) -> None:
    world.arrive("2013-02", b"corrected")
    world.run(mae=10.0)


def _refused(world: World) -> None:
    world.run(mae=15.0)


def _another_policy(world: World) -> None:
    apply_policy(world.ports, {names.POLICY: b"metric: mae\nmin_clusters: 20\n"}, "to say so")
    world.run(mae=10.0)


def _rolled_back(world: World) -> None:
    world.arrive("2013-03")
    world.roll_back()


def _rolled_back_and_on(world: World) -> None:
    world.roll_back()
    resume(world.ports, "go on")
    world.run(mae=11.0)


def _rolled_back_twice(world: World) -> None:
    world.run(mae=10.0)
    world.roll_back()
    world.roll_back(to=1)


def _forward(world: World) -> None:
    world.arrive("2013-03")
    reconcile(world.ports)
    rollback(world.ports, "it was wrong", forward=True)
    reconcile(world.ports)


def _forward_and_on(world: World) -> None:
    _forward(world)
    resume(world.ports, "go on")
    world.run(mae=11.0)


def _restored(world: World) -> None:
    world.roll_back()
    resume(world.ports, "go on")
    restored(world, 2, begin=lambda run: world.ports.tracker.begin(run, {}))


def _unscorable(world: World) -> None:
    world.judge.unscorable = "its library is gone"
    refused = world.run(mae=11.0)
    replaced(world, refused.run.run_id)
    world.judge.unscorable = ""


LAWFUL: dict[str, Callable[[World], None]] = {
    "two promotions": _nothing,
    "a lost race": _race,
    "an arrival in between": _arrival_in_between,
    "an arrival delivered again": _replaced_arrival,
    "a refused run": _refused,
    "another policy": _another_policy,
    "a rollback": _rolled_back,
    "a rollback and a promotion": _rolled_back_and_on,
    "two rollbacks": _rolled_back_twice,
    "a rollback made forward": _forward,
    "a rollback made forward and a promotion": _forward_and_on,
    "old outputs restored": _restored,
    "a champion that cannot be scored": _unscorable,
}


@pytest.mark.parametrize("name", LAWFUL)
def test_nothing_is_found_where_the_protocol_was_followed(world: World, name: str) -> None:
    LAWFUL[name](world)
    assert texts(findings(world, rescore=True)) == []


def test_nothing_is_found_in_a_new_repository() -> None:
    assert texts(findings(new_world())) == []


# --- promotions that the enforcer would have refused

#: What no object tells any more once it is done.
LEAVES_NO_TRACE = {"on hold", "forgotten"}

INVARIANTS = {
    "no expected head": "I6",
    "another head": "I6",
    "no kind": "I3",
    "unknown kind": "I3",
    "an ingest that changes a model": "I3",
    "raw data with a promotion": "I3",
    "another gate": "I10",
    "another action": "I10",
    "no run": "I3",
    "no number": "I3",
    "an old number": "I3",
    "a number with a fraction": "I3",
    "a number written otherwise": "I3",
    "a number that leaves one out": "I12",
    "a number that is taken": "I12",
    "revoked": "I7",
    "compared to another champion": "I6",
    "replaces another champion": "I6",
    "laid on another head": "I6",
    "misnames the champion": "I6",
    "refused by the gate": "I9",
    "a what-if verdict": "I9",
    "another policy": "I9",
    "another evidence commit": "I3",
    "another run in the record": "I3",
    "other inputs in the record": "I3",
    "other inputs throughout": "I7",
    "forked from a commit that is not behind": "I7",
    "changed losses": "I9",
    "other predictions": "I9",
    "a changed model": "I3",
    "one object more": "I3",
    "an object listed twice": "I3",
    "a decision that is not on record": "I9",
    "a look that leaves one out": "I9",
    "another decision than the recorded one": "I9",
    "a larger gain": "I9",
    "a smaller error": "I9",
    "a higher lower end": "I9",
    "a narrower interval": "I9",
    "the level of the first look": "I9",
    "a comparison left out": "I9",
    "fabricated losses under the old verdict": "I9",
    "a worse model": "I9",
    "a gain that may be chance": "I9",
    "no comparison with the champion": "I8",
    "rows that were trained on": "I9",
    "trained into the holdout": "I9",
    "a champion trained at another time": "I8",
    "too few days": "I9",
    "rows left out": "I9",
    "losses that are not finite": "I9",
    "no baseline": "I9",
    "negative losses": "I9",
}


def test_every_forgery_that_leaves_a_trace_is_looked_for() -> None:
    assert INVARIANTS.keys() | LEAVES_NO_TRACE == FORGERIES.keys()


@pytest.mark.parametrize("name", INVARIANTS)
def test_a_forged_promotion_is_found(name: str) -> None:
    world = new_world("2013-01", "2013-02")
    world.run(mae=14.0)
    candidate = Candidate(world)
    FORGERIES[name][0](candidate)
    world.lake.enforcer = None  # type: ignore[attr-defined] - a server that does not judge
    merged = candidate.merge()
    found = findings(world)
    assert (INVARIANTS[name], merged) in {(f.invariant, f.commit or merged) for f in found}, texts(found)
    assert failure(found) is not None


def test_fabricated_losses_with_a_verdict_that_follows_from_them_are_found(world: World) -> None:
    """No server sees this one: everything is consistent but that nobody predicted it."""
    candidate = Candidate(world, mae=11.0)
    for series in candidate.paired["series"]:
        series["candidate"] = [value * 0.5 for value in series["candidate"]]
    candidate.decide_anew()
    candidate.record()
    merged = candidate.merge()
    assert ("I9", merged, "paired losses do not follow from the predictions") in {
        (f.invariant, f.commit, f.what) for f in findings(world)
    }


def test_old_outputs_that_nobody_asked_for_are_found(world: World) -> None:
    _restored(world)
    commit = world.lake.head(names.MAIN)
    run_id = world.lake.commit_of(commit).metadata["run_id"]
    world.lake.hook = None  # type: ignore[attr-defined]
    world.lake.delete_tag(names.restored_tag(run_id))
    assert [(f.invariant, f.commit) for f in findings(world)] == [("I7", commit), ("I16", "")]


def test_restored_outputs_that_are_others_are_found(world: World) -> None:
    _restored(world)
    commit, tags = world.lake.head(names.MAIN), world.lake.tags()
    tree = world.lake._trees  # type: ignore[attr-defined]
    other = tree[tags["promotion-000001"]][names.CHAMPION]
    tree[tags["promotion-000002"]] = {**tree[tags["promotion-000002"]], names.CHAMPION: other}
    assert ("I7", commit, "not what promotion 2 held: model/mae") in {
        (f.invariant, f.commit, f.what) for f in findings(world)
    }


def test_a_holdout_that_the_rule_does_not_select_is_found(world: World) -> None:
    candidate = Candidate(world, mae=11.0)
    candidate.lake.write(candidate.branch, names.HOLDOUT, b"easier rows")
    candidate.decide_anew()
    candidate.record()
    merged = candidate.merge()
    assert ("I8", merged) in {(f.invariant, f.commit) for f in findings(world)}


def test_predictions_that_are_not_the_models_are_found_by_scoring_again(world: World) -> None:
    candidate = Candidate(world, mae=11.0)
    candidate.lake.write(candidate.branch, "model/mae", b"13.0")
    candidate.decide_anew()
    candidate.record()
    candidate.merge()
    reconcile(world.ports)
    assert [f.what for f in findings(world) if f.invariant == "I9"] == []
    assert "the model predicts otherwise" in [f.what for f in findings(world, rescore=True)]
