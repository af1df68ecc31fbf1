"""The run protocol and the enforcer, on every lake: the Lua that is shipped, and its double in memory."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mlops.runs import names
from mlops.runs.decision import decide
from mlops.runs.digest import document
from mlops.runs.errors import LakeError, MainMoved, Unlawful
from mlops.runs.evidence import Outcome
from mlops.runs.history import read_main
from mlops.runs.promotion import promote
from mlops.runs.reconcile import reconcile
from mlops.runs.rollback import freeze, plan_rollback, resume
from tests.support.fakes import FakeClock
from tests.support.protocol import World, new_world

if TYPE_CHECKING:
    from mlops.runs.ports import Lake


class PatientClock(FakeClock):
    """Real waiting: a real lakeFS notices lifted protection only some seconds later."""

    def sleep(self, seconds: float) -> None:
        import time

        time.sleep(seconds)


@pytest.fixture
def world(lake: Lake) -> World:
    made = new_world("2013-01", "2013-02", lake=lake)
    made.ports = dataclasses.replace(made.ports, clock=PatientClock())
    return made


def test_a_run_is_promoted_and_a_worse_one_is_refused(world: World) -> None:
    won = world.run(mae=12.0)
    lost = world.run(mae=13.0)
    state = read_main(world.lake)
    assert state.head == won.merge_commit
    assert world.lake.commit_of(state.head).parents == (won.run.fork,)
    assert lost.decision.verdict.outcome is Outcome.REFUSE
    assert state.tags["champion"] == state.tags["promotion-000001"] == state.head


def test_the_loser_of_a_race_is_decided_again_and_laid_on_the_new_head(world: World) -> None:
    world.run(mae=14.0)
    first = decide(world.ports, world.judge, world.train(mae=12.0)).run
    second = decide(world.ports, world.judge, world.train(mae=11.0)).run
    assert promote(world.ports, world.judge, first).number == 2
    also = promote(world.ports, world.judge, second)
    assert (also.number, also.decided_again) == (3, 1)
    assert world.lake.read(world.lake.head("main"), "model/mae") == b"11.0"


def test_rollback_resets_main_and_holds_promotions(world: World) -> None:
    first = world.run(mae=14.0)
    world.arrive("2013-03")
    second = world.run(mae=12.0)
    world.roll_back()
    state = read_main(world.lake)
    assert state.head == first.merge_commit
    assert state.on_hold
    assert state.is_revoked(second.run.run_id)
    assert world.lake.protection().patterns == ("main",)
    assert not world.lake.staged("main")
    assert resume(world.ports, "go on")
    assert world.run(mae=11.0).number == 4


# What somebody could try to merge into main, and the words of the refusal. Each case gets a lawful candidate
# that is ready to be merged, and spoils one thing.

Forge = Callable[["Candidate"], None]


class Candidate:
    """A sealed run that would be promoted, on a branch that may still be spoiled."""

    def __init__(self, world: World) -> None:
        self.world, self.lake = world, world.lake
        run = decide(world.ports, world.judge, world.train(mae=12.0)).run
        self.branch, self.head = run.branch, world.lake.head("main")
        from mlops.runs.decision import current
        from mlops.runs.promotion import _champion

        decided = current(world.ports, run)
        self.champion = _champion(world.lake, read_main(world.lake), decided).to_json()
        self.decision = decided.decision.to_json()
        self.metadata = {
            "kind": "promotion",
            "expected_head": self.head,
            "run_id": run.run_id,
            "evidence_commit": decided.evidence_commit,
            "number": str(self.champion["number"]),
        }

    def merge(self) -> str:
        self.lake.write(self.branch, names.CHAMPION, document(self.champion))
        source = self.lake.commit(self.branch, "seal", {}, allow_empty=True)
        return self.lake.merge(source, "main", "promote", self.metadata)

    def rewrite_decision(self, **changes: Any) -> None:
        """Change the decision and everything that follows from it, consistently."""
        text = document({**self.decision, **changes})
        self.lake.write(self.branch, names.DECISION, text)
        stat = self.lake.stat(self.branch, names.DECISION)
        for record in self.champion["objects"]:
            if record["path"] == names.DECISION:
                record.update(size_bytes=stat.size_bytes, checksum=stat.checksum)


def _set(**metadata: str) -> Forge:
    return lambda candidate: candidate.metadata.update(metadata)


def _without(key: str) -> Forge:
    return lambda candidate: candidate.metadata.pop(key) and None


def _write(path: str, data: bytes = b"x") -> Forge:
    return lambda candidate: candidate.lake.write(candidate.branch, path, data)


def _champion(**fields: Any) -> Forge:
    return lambda candidate: candidate.champion.update(fields)


def _compared_to_nothing(candidate: Candidate) -> None:
    candidate.rewrite_decision(
        compared_to={"number": 0, "run_id": "", "commit": "", "champion_sha256": "0" * 64}
    )


def _refused_before(candidate: Candidate) -> None:
    verdict = {**candidate.decision["verdict"], "outcome": "refuse"}
    candidate.rewrite_decision(verdict=verdict)


def _what_if(candidate: Candidate) -> None:
    candidate.rewrite_decision(verdict={**candidate.decision["verdict"], "what_if": True})


def _own_policy(candidate: Candidate) -> None:
    candidate.rewrite_decision(policy_sha256="0" * 64)


def _hold(candidate: Candidate) -> None:
    candidate.lake.create_tag(names.HOLD_TAG, candidate.head)


def _revoke(candidate: Candidate) -> None:
    candidate.lake.create_tag(names.revoked_tag(candidate.metadata["run_id"]), candidate.head)


def _number_taken(candidate: Candidate) -> None:
    candidate.lake.create_tag(names.rollback_tag(int(candidate.metadata["number"])), candidate.head)


FORGERIES: dict[str, tuple[Forge, type[LakeError], str]] = {
    "no expected head": (_without("expected_head"), Unlawful, "expected_head"),
    "another head": (_set(expected_head="0" * 64), MainMoved, "checked against"),
    "no kind": (_without("kind"), Unlawful, "none of the five"),
    "unknown kind": (_set(kind="hotfix"), Unlawful, "none of the five"),
    "an ingest that changes a model": (_set(kind="ingest", arrival="2013-03"), Unlawful, "may not change"),
    "raw data with a promotion": (_write("raw/flights/2013-09.parquet"), Unlawful, "may not change"),
    "another gate": (_write(names.POLICY), Unlawful, "may not change"),
    "no run": (_without("run_id"), Unlawful, "run"),
    "no number": (_without("number"), Unlawful, "number"),
    "an old number": (_set(number="1"), Unlawful, "number"),
    "a number with a fraction": (_set(number="2.5"), Unlawful, "number"),
    "a number that is taken": (_number_taken, Unlawful, "taken"),
    "on hold": (_hold, Unlawful, "stopped"),
    "revoked": (_revoke, Unlawful, "rolled back"),
    "compared to another champion": (_compared_to_nothing, MainMoved, "another champion"),
    "refused by the gate": (_refused_before, Unlawful, "does not promote"),
    "a what-if verdict": (_what_if, Unlawful, "does not promote"),
    "another policy": (_own_policy, MainMoved, "another policy"),
    "another evidence commit": (_champion(evidence_commit="0" * 64), Unlawful, "different promotions"),
    "another run in the record": (_champion(run_id="0" * 12), Unlawful, "different promotions"),
    "changed losses": (_write(names.PAIRED, b"{}"), Unlawful, "paired.json"),
    "a changed model": (_write("model/mae", b"1.0"), Unlawful, "judged"),
    "one object more": (_write("model/extra"), Unlawful, "objects"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_enforcer_refuses(world: World, name: str) -> None:
    forge, error, words = FORGERIES[name]
    world.run(mae=14.0)
    candidate = Candidate(world)
    before = candidate.lake.head("main")
    forge(candidate)
    with pytest.raises(error, match=words):
        candidate.merge()
    assert candidate.lake.head("main") == before


def test_the_same_candidate_unspoiled_is_merged(world: World) -> None:
    world.run(mae=14.0)
    candidate = Candidate(world)
    assert candidate.merge() == candidate.lake.head("main")


def test_a_frozen_main_refuses_every_merge(world: World) -> None:
    world.run(mae=14.0)
    world.run(mae=13.0)
    candidate = Candidate(world)
    plan = plan_rollback(world.ports, "half way")
    assert plan is not None
    frozen = freeze(world.ports, plan)
    candidate.metadata["expected_head"] = frozen
    with pytest.raises(Unlawful, match="rollback"):
        candidate.merge()
    assert "finished rollback" in reconcile(world.ports)[0]


def test_setting_up_twice_is_refused_by_the_enforcer(world: World) -> None:
    head = world.lake.head("main")
    world.lake.create_branch("again", head)
    world.lake.write("again", names.POLICY, b"alpha: 0.5\n")
    source = world.lake.commit("again", "again", {})
    with pytest.raises(Unlawful, match="set up"):
        world.lake.merge(source, "main", "again", {"kind": "setup", "expected_head": head})


def test_a_policy_needs_a_reason(world: World) -> None:
    head = world.lake.head("main")
    world.lake.create_branch("policy", head)
    world.lake.write("policy", names.POLICY, b"alpha: 0.01\n")
    source = world.lake.commit("policy", "policy", {})
    metadata = {"kind": "policy", "expected_head": head}
    with pytest.raises(Unlawful, match="reason"):
        world.lake.merge(source, "main", "policy", metadata)
    merged = world.lake.merge(source, "main", "policy", {**metadata, "reason": "stricter"})
    assert json.loads(json.dumps(world.lake.commit_of(merged).metadata))["reason"] == "stricter"
