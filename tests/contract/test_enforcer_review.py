"""Under review a person promotes; a refusal is overridden only by a person whom the policy names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from mlops.runs import names
from mlops.runs.approval import Approval, approval_of
from mlops.runs.decisions import Reason
from mlops.runs.errors import InputError, NotPromoted, Unlawful
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.ports import Author
from mlops.runs.promotion.promote import Promotion
from mlops.runs.promotion.review import approve, override, reject, rejection_of
from mlops.runs.statements import open_envelope
from mlops.runs.upkeep.reconcile import reconcile
from tests.support.auditing import findings
from tests.support.forging import Candidate
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import GATE_FILES, World, new_world
from tests.support.record_tampering import unguarded

if TYPE_CHECKING:
    from mlops.adapters.lake.connection import Connection
    from mlops.runs.ports import Lake

REVIEW = b"metric: mae\npromotion: review\noverride_by: [Ada Lovelace]\n"
BOB = Author("claimed:Bob")


def new_review(lake: Lake, policy: bytes = REVIEW) -> World:
    gate = {**GATE_FILES, names.POLICY: policy}
    return new_world("2013-01", lake=lake, gate=gate, author=lambda: BOB)


@pytest.fixture
def world(lake: Lake) -> World:
    """A repository whose policy asks for review, before its first promotion."""
    return new_review(lake)


def approved(world: World, ended: Promotion, comment: str = "looks right") -> Promotion:
    found = approve(world.ports, world.judge, ended.run.run_id, comment)
    reconcile(world.ports)
    return found


def said(world: World) -> list[str]:
    return [finding.what for finding in findings(world) if finding.proved]


def test_a_run_that_passed_waits_with_one_open_pull_request(world: World) -> None:
    head = world.lake.head(names.MAIN)
    ended = world.run(mae=14.0)
    assert (ended.waiting, ended.merge_commit, world.lake.head(names.MAIN)) == (True, "", head)
    again = world.run(mae=14.0)
    assert (again.waiting, again.evidence_commit, world.judge.evaluations) == (True, ended.evidence_commit, 1)
    (pull,) = world.lake.pull_requests()
    assert (pull.id, pull.source, pull.into) == (again.pull_request, again.run.branch, names.MAIN)
    if isinstance(world.lake, MemoryLake):
        told = world.lake.pulls[pull.id]
        first = ended.decision.verdict.findings[0]
        assert first.sentence in told["title"]
        assert f"- `{first.reason}`: {first.sentence}" in told["description"]
        assert f"mlops approve {world.lake.repository} {ended.run.run_id}" in told["description"]


def test_approval_promotes_and_is_kept_in_commit_and_statement(world: World) -> None:
    waiting = world.run(mae=14.0)
    ended = approved(world, waiting)
    commit = world.lake.commit_of(ended.merge_commit)
    assert (ended.number, ended.decided_again, commit.id) == (1, 0, world.lake.head(names.MAIN))
    now = world.ports.clock.now_s()
    assert approval_of(commit.metadata) == Approval("claimed:Bob", now, "looks right")
    stated = open_envelope(commit.metadata[names.STATEMENT_KEY], world.ports.trust).statement.predicate
    assert stated["approval"] == approval_of(commit.metadata).facts()  # type: ignore[union-attr]
    assert stated["who"] == commit.metadata["who"] == "claimed:Bob"
    assert world.lake.pull_requests() == []
    assert approved(world, waiting) == dataclasses.replace(ended, run=approved(world, waiting).run)
    assert said(world) == []


def test_a_merge_on_the_page_is_refused_and_names_the_command(world: World) -> None:
    ended = world.run(mae=14.0)
    with pytest.raises(Unlawful, match="`mlops approve`"):
        merge_on_page(world.lake, ended)
    assert approved(world, ended).number == 1


def merge_on_page(lake: Lake, ended: Promotion) -> None:
    if isinstance(lake, MemoryLake):
        lake.merge(ended.run.branch, names.MAIN, "Merge pull request", {})
        return
    with lake._calls(names.MAIN):  # type: ignore[attr-defined]
        lake._api.pulls_api.merge_pull_request(lake.repository, ended.pull_request)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "mlops approve"),
        ({"approved_by": "admin"}, "mlops approve"),
        ({"approved_by": "claimed:"}, "mlops approve"),
        ({"comment": "claimed:Bob", "who": "claimed:Bob"}, "mlops approve"),
        ({"approved_by": "claimed:Bob"}, ""),
    ],
)
def test_the_enforcer_asks_for_an_approval(world: World, given: dict[str, str], words: str) -> None:
    candidate = Candidate(world)
    candidate.metadata.update(given)
    if not words:
        candidate.merge()
        return
    with pytest.raises(Unlawful, match=words):
        candidate.merge()
    if isinstance(world.lake, MemoryLake) and not given:
        with unguarded(world.lake):
            candidate.merge()
        assert "nobody approved it, although the policy asks for review" in said(world)


def test_a_policy_on_the_branch_approves_nothing(world: World) -> None:
    candidate = Candidate(world)
    candidate.lake.write(candidate.branch, names.POLICY, b"metric: mae\n")
    with pytest.raises(Unlawful, match=r"may not change gate/policy\.yaml"):
        candidate.merge()


def test_a_run_whose_champion_changed_is_compared_again(world: World) -> None:
    better, other, worse = world.run(mae=12.0), world.run(mae=9.0), world.run(mae=13.0)
    approved(world, better)
    ended = approved(world, other)
    assert (ended.number, ended.decided_again) == (2, 1)
    assert ended.decision.compared_to.number == 1
    ended = approved(world, worse)
    assert (ended.merge_commit, ended.decided_again) == ("", 1)
    assert ended.decision.verdict.findings[0].reason is Reason.NO_GAIN
    assert world.lake.pull_requests() == []
    assert said(world) == []


def test_a_rejected_run_is_over_for_good(world: World) -> None:
    ended = world.run(mae=14.0)
    run_id = ended.run.run_id
    found = reject(world.ports, run_id, "the weather of May is missing")
    assert (found.by, found.reason) == ("claimed:Bob", "the weather of May is missing")
    reconcile(world.ports)
    assert world.lake.pull_requests() == []
    assert reject(world.ports, run_id, "another reason") == found
    assert rejection_of(world.lake, read_main(world.lake), run_id) == found
    with pytest.raises(NotPromoted, match="rejected on review"):
        approve(world.ports, world.judge, run_id, "after all")
    with pytest.raises(NotPromoted, match="rejected on review"):
        world.run(mae=14.0)
    with pytest.raises(Unlawful, match="is a record"):
        world.lake.delete_tag(names.rejected_tag(run_id))
    assert said(world) == []


def test_the_enforcer_refuses_a_rejected_run(world: World) -> None:
    candidate = Candidate(world)
    reject(world.ports, candidate.run.run_id, "no")
    candidate.metadata["approved_by"] = "claimed:Bob"
    with pytest.raises(Unlawful, match="was rejected on review"):
        candidate.merge()
    if isinstance(world.lake, MemoryLake):
        with unguarded(world.lake):
            candidate.merge()
        assert f"run {candidate.run.run_id} was rejected on review, and main is based on it" in said(world)


def test_what_main_holds_is_not_rejected(world: World) -> None:
    ended = approved(world, world.run(mae=14.0))
    with pytest.raises(InputError, match="is promotion 1"):
        reject(world.ports, ended.run.run_id, "no")
    with pytest.raises(Unlawful, match="is what main holds"):
        world.lake.create_tag(names.rejected_tag(ended.run.run_id), world.lake.head(names.MAIN))


def test_without_review_nothing_waits_and_the_policy_can_ask_for_it_later(lake: Lake) -> None:
    world = new_review(lake, b"metric: mae\npromotion: auto\n")
    assert world.run(mae=14.0).number == 1
    apply_policy(world.ports, {names.POLICY: REVIEW}, "a person looks from now on")
    assert world.run(mae=12.0).waiting
    assert said(world) == []


def test_a_named_person_overrides_a_refusal_by_numbers(world: World) -> None:
    approved(world, world.run(mae=12.0))
    refused = world.run(mae=13.0)
    run_id = refused.run.run_id
    with pytest.raises(InputError, match="the gate refused it"):
        approve(world.ports, world.judge, run_id, "I like it")
    with pytest.raises(Unlawful, match="may not override"):
        override(world.ports, world.judge, run_id, "sensors were moved", "Bob")
    ended = override(world.ports, world.judge, run_id, "sensors were moved", "Ada Lovelace")
    reconcile(world.ports)
    assert (ended.number, ended.merge_commit) == (2, world.lake.head(names.MAIN))
    found = approval_of(world.lake.commit_of(ended.merge_commit).metadata)
    assert found is not None
    assert (found.by, found.comment, found.override) == (
        "claimed:Ada Lovelace",
        "sensors were moved",
        True,
    )
    again = override(world.ports, world.judge, run_id, "sensors were moved", "Ada Lovelace")
    assert again.merge_commit == ended.merge_commit
    assert world.run(mae=13.0).number == 2
    assert said(world) == []


OVERRIDE = {"override": "true", "approved_by": "claimed:Ada Lovelace", "comment": "I know better"}


@pytest.mark.parametrize(
    ("given", "spoil", "words"),
    [
        ({}, None, ""),
        ({"approved_by": "claimed:Bob"}, None, "does not let Bob override|let Bob"),
        ({"comment": " "}, None, "needs a reason"),
        ({"override": "yes"}, None, "does not promote"),
        ({}, lambda c: c.paired.update(train_overlap=3), "trained on|cannot be overridden"),
        ({}, lambda c: c.paired.update(has_champion=False), "not compared with the champion|champion"),
        ({}, lambda c: c.verdict["findings"][0].update(reason="holdout_leaked"), "cannot be overridden"),
    ],
)
def test_the_enforcer_lets_only_numbers_be_overridden(
    world: World, given: dict[str, str], spoil: Callable[[Candidate], None] | None, words: str
) -> None:
    approved(world, world.run(mae=12.0))
    candidate = Candidate(world, mae=13.0)
    candidate.metadata.update({**OVERRIDE, **given})
    if spoil is not None:
        spoil(candidate)
        candidate.verdict["look"] += 1
        alpha, look = 0.05, candidate.verdict["look"]
        candidate.verdict["level"] = alpha / (look * (look + 1))
        candidate.record()
    if not words:
        candidate.merge()
        return
    with pytest.raises(Unlawful, match=words):
        candidate.merge()
    if isinstance(world.lake, MemoryLake):
        with unguarded(world.lake):
            candidate.merge()
        assert said(world)


def test_nobody_overrides_where_the_policy_names_nobody(lake: Lake) -> None:
    world = new_review(lake, b"metric: mae\n")
    world.run(mae=12.0)
    refused = world.run(mae=13.0)
    with pytest.raises(Unlawful, match="the policy on main lets nobody"):
        override(world.ports, world.judge, refused.run.run_id, "please", "Ada Lovelace")
    candidate = Candidate(world, mae=13.5)
    candidate.metadata.update(OVERRIDE)
    with pytest.raises(Unlawful, match="Ada Lovelace"):
        candidate.merge()


def test_who_the_lake_knows_cannot_approve_in_another_name(lake: Lake) -> None:
    world = new_review(lake)
    approved(world, world.run(mae=12.0))
    refused = world.run(mae=13.0)
    proven = dataclasses.replace(world.ports, author=lambda: Author("proven:bob"))
    with pytest.raises(Unlawful, match="the lake server knows you as bob"):
        override(proven, world.judge, refused.run.run_id, "please", "Ada Lovelace")


def test_a_lake_with_a_single_account_proves_nobody(connection: Connection | None) -> None:
    assert connection is None or connection.user() == ""
