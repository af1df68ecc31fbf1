"""The signed record of main: what is stated, how it is chained, and histories from before there was one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mlops.runs import names
from mlops.runs.arrivals.dropped import write_off
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, Untrusted
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.ports import Author, Lake
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import promote
from mlops.runs.record.findings import Chain
from mlops.runs.record.links import Link, chain_head, read_link
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from tests.support.auditing import findings, texts
from tests.support.keys import signer_and_trust
from tests.support.protocol import World, new_world
from tests.support.returning import restored

AUTHOR = Author("ana@build", "c0ffee", code_clean=True)


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02", author=lambda: AUTHOR)
    made.run(mae=14.0)
    return made


def links(world: World) -> list[Link]:
    history = list(world.lake.log(names.MAIN))[::-1]
    return Chain(world.lake, world.ports.trust, history, world.lake.tags(), {}).links


def unsigned(world: World) -> World:
    """Return the world as an older version of this program has it, which signs nothing."""
    return dataclasses.replace(world, ports=dataclasses.replace(world.ports, signer=None))


def proved(world: World) -> list[AuditFinding]:
    return [finding for finding in findings(world, rescore=True) if finding.proved]


def test_every_kind_of_change_is_a_link(world: World) -> None:
    world.run(mae=13.0)
    world.roll_back()
    resume(world.ports, "go on")
    apply_policy(world.ports, {names.POLICY: b"metric: mae\nmin_clusters: 20\n"}, "to say so")
    world.run(mae=12.0)
    rollback(world.ports, "forward", 1, forward=True)
    reconcile(world.ports)
    found = links(world)
    kinds = [link.statement.predicate["kind"] for link in found]
    first = ["setup", "ingest", "ingest", "promotion", "promotion"]
    assert kinds == [*first, "rollback", "policy", "promotion", "rollback"]
    assert [link.sequence for link in found] == list(range(1, 10))
    assert [link.previous for link in found] == ["", *(link.sha256 for link in found[:-1])]
    assert texts(findings(world)) == []


def test_a_promotion_states_its_objects_and_what_it_was_made_from(world: World) -> None:
    head = world.lake.head(names.MAIN)
    statement = links(world)[-1].statement
    stated = {s.name: s.sha256 for s in statement.subjects}
    held = {s.path for prefix in names.OUTPUTS for s in world.lake.list(head, prefix)}
    assert stated == {path: world.lake.sha256(head, path) for path in {*held, names.CHAMPION}}
    said = statement.predicate
    assert (said["who"], said["code_commit"], said["code_clean"]) == ("ana@build", "c0ffee", True)
    assert said["decision_sha256"] == stated[names.DECISION]
    assert said["policy_sha256"] == sha256(world.lake.read(head, names.POLICY))
    assert said["inputs"]["params"] == {"mae": 14.0}
    assert said["record"]["decision"] == 1


def test_two_statements_never_follow_the_same_one(world: World) -> None:
    """After a rollback the newest link is the freeze, which main does not stand on any more."""
    world.run(mae=13.0)
    world.roll_back()
    state = read_main(world.lake)
    head = chain_head(world.lake, world.ports.trust, state.head, state.tags)
    assert head is not None
    assert head.commit == state.tags["rolledback-000003"]
    world.arrive("2013-03")
    assert links(world)[-1].previous == head.sha256


def test_a_repository_from_before_goes_on_and_begins_its_chain_at_the_next_change() -> None:
    """Also one with a rollback, a resume, a return, a write-off and a forgotten run."""
    old = new_world("2013-01", "2013-02", signer=None)
    old.run(mae=14.0)
    old.run(mae=13.0)
    old.arrive("2013-03")
    refused = old.run(mae=15.0)
    old.roll_back(to=1)
    resume(old.ports, "go on")
    write_off(old.ports, "2013-03", "not needed")
    restored(old, 2)
    forget(old.ports, refused.run.run_id, "asked for")
    reconcile(old.ports)
    assert texts(proved(old)) == []
    world = dataclasses.replace(old, ports=new_world().ports)
    world.ports = dataclasses.replace(world.ports, lake=old.lake, tracker=old.ports.tracker)
    assert texts(proved(world)) == []
    before = world.lake.head(names.MAIN)
    world.arrive("2013-04")
    first = links(world)[0]
    assert (first.sequence, first.previous) == (1, "")
    assert first.statement.predicate["adopted_at"] == before
    world.run(mae=11.0)
    world.roll_back()
    resume(world.ports, "go on")
    assert [link.sequence for link in links(world)] == [1, 2, 3]
    assert texts(proved(world)) == []


def test_after_the_first_signed_change_every_other_must_be_signed(world: World) -> None:
    unsigned(world).arrive("2013-03")
    head = world.lake.head(names.MAIN)
    found = proved(world)
    assert [(f.invariant, f.commit) for f in found] == [("I16", head)]
    assert found[0].what == "it has no signed statement, but earlier changes have one"


def test_the_chain_goes_on_past_a_forged_statement_once_it_is_rolled_back(world: World) -> None:
    forger, _ = signer_and_trust(9)
    foreign = dataclasses.replace(world.ports, signer=forger)
    dataclasses.replace(world, ports=foreign).arrive("2013-03")
    (found,) = proved(world)
    assert found.what == f"a statement is not signed by a trusted key, only by {forger.key_id[:12]}"
    assert "mlops signing trust" in found.todo
    world.roll_back(to=1)
    resume(world.ports, "go on")
    assert texts(proved(world)) == []


def test_somebody_who_trusts_none_of_the_keys_does_not_begin_a_chain_of_their_own(world: World) -> None:
    signer, trust = signer_and_trust(2)
    ports = dataclasses.replace(world.ports, signer=signer, trust=trust)
    with pytest.raises(Untrusted, match="not signed by a trusted key") as stopped:
        dataclasses.replace(world, ports=ports).arrive("2013-03")
    assert "mlops signing trust" in stopped.value.todo


def test_a_link_is_read_without_trust_too(world: World) -> None:
    commit = world.lake.commit_of(names.MAIN)
    assert read_link(commit, world.lake.repository, None).sequence == 4


def test_nobody_goes_back_to_a_promotion_that_nobody_signed(world: World) -> None:
    unsigned(world).run(mae=13.0)
    world.run(mae=12.0)
    with pytest.raises(Corrupt, match=r"has no signed statement") as stopped:
        rollback(world.ports, "back", 2)
    assert stopped.value.where.startswith("promotion 2 at ")


def test_nobody_restores_a_promotion_that_nobody_signed(world: World) -> None:
    unsigned(world).run(mae=13.0)
    world.run(mae=12.0)
    with pytest.raises(Corrupt, match=r"has no signed statement"):
        restored(world, 2)


class Overtaken:
    """A lake on which something else lands just before the first promotion that is merged."""

    def __init__(self, lake: Lake, first: Callable[[], object]) -> None:
        self._lake, self._first = lake, [first]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        if metadata.get("kind") == "promotion" and self._first:
            self._first.pop()()
        return self._lake.merge(source, into, message, metadata)


@pytest.mark.parametrize("mae", [10.0, 13.5])
def test_a_run_that_is_overtaken_when_sealed_signs_its_second_decision_too(world: World, mae: float) -> None:
    run = decide(world.ports, world.judge, world.train(mae=mae)).run
    lake: Any = Overtaken(world.lake, lambda: world.run(mae=12.0))
    ports = dataclasses.replace(world.ports, lake=lake)
    ended = promote(ports, world.judge, run)
    record_promotion(world.ports, ended)
    reconcile(world.ports)
    assert (ended.decided_again, bool(ended.number)) == (1, mae < 12.0)
    assert texts(findings(world)) == []
