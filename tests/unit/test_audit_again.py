"""An audit that goes on where an earlier one ended, and what it cannot prove."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mlops.runs import names
from mlops.runs.audit.audit import AuditFinding, Depth, Mark, audit, failure, limits
from mlops.runs.errors import InputError, TrackerUnavailable
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import resume
from tests.support.auditing import MemoryWitness, NumberProver, audited, findings, texts
from tests.support.forgeries import FORGERIES
from tests.support.forging import Candidate
from tests.support.protocol import World, new_world


@pytest.fixture
def world() -> World:
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    return made


# --- going on where an earlier audit ended


def test_what_was_found_clean_is_not_asked_again(world: World) -> None:
    steps = audited(world)
    mark = steps[-2].mark
    assert mark is not None
    assert len(audited(world, known=mark)) == 1
    world.arrive("2013-03")
    assert [step.total for step in audited(world, known=mark)] == [2, 2]


def test_going_on_finds_what_comes_after(world: World) -> None:
    mark = audited(world)[-2].mark
    candidate = Candidate(world, mae=11.0)
    FORGERIES["a larger gain"][0](candidate)
    world.lake.enforcer = None  # type: ignore[attr-defined]
    merged = candidate.merge()
    steps = audited(world, known=mark)
    assert {f.commit for f in steps[0].findings} == {merged}
    assert steps[0].mark is None


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda mark: dataclasses.replace(mark, digest="0" * 64),
        lambda mark: dataclasses.replace(mark, commit="0" * 64),
        lambda _: None,
    ],
)
def test_a_mark_that_does_not_fit_the_history_is_not_believed(
    world: World, spoiled: Callable[[Mark], Mark | None]
) -> None:
    steps = audited(world)
    assert steps[-2].mark is not None
    assert len(audited(world, known=spoiled(steps[-2].mark))) == len(steps)


def test_models_that_were_not_scored_are_scored_when_that_is_asked(world: World) -> None:
    steps = audited(world)
    assert len(audited(world, known=steps[-2].mark, rescore=True)) == len(steps)


def test_only_what_came_after_a_commit(world: World) -> None:
    tags = world.lake.tags()
    steps = audited(world, since="promotion-000001")
    assert [s.commit.id if s.commit else "" for s in steps] == [tags["promotion-000002"], ""]
    assert all(step.mark is None for step in steps)
    with pytest.raises(InputError):
        audited(world, since=world.train(mae=1.0).head)


# --- what cannot be proved


def test_proofs_that_are_left_out_are_named(world: World) -> None:
    steps = list(audit(world.ports))
    found = [f for step in steps for f in step.findings]
    assert found
    assert all(not f.proved for f in found)
    assert {f.invariant for f in found} == {"I8", "I9", "I15"}
    assert all(step.mark is None for step in steps if step.findings)


def test_evidence_that_is_gone_is_named(world: World) -> None:
    evidence = world.lake.commit_of("promotion-000001").metadata["evidence_commit"]
    del world.lake._commits[evidence]  # type: ignore[attr-defined]
    found = [f for f in findings(world) if f.commit == world.lake.tags()["promotion-000001"]]
    assert found
    assert all("gone" in f.what and not f.proved for f in found)


def test_a_tracker_that_is_down_is_named(world: World) -> None:
    class Down:
        def seen_runs(self) -> dict[str, dict[str, str]]:
            raise TrackerUnavailable("no answer")

        def seen_versions(self, _: str) -> list[object]:
            raise TrackerUnavailable("no answer")

    steps = list(audit(world.ports, NumberProver(), Down()))  # type: ignore[arg-type]
    assert [(f.invariant, f.proved) for step in steps for f in step.findings] == [("I15", False)]


def test_limits_are_told() -> None:
    assert len(limits()) == len(limits(Depth(rescore=True))) + 1
    assert len(limits()) == len(limits(Depth(rescore=True, rebuild=True, refit=True))) + 3


def test_a_failure_names_the_first_thing_that_is_proved_and_counts_the_rest() -> None:
    open_ = AuditFinding("c" * 64, "I9", "is gone", "", proved=False)
    assert failure([]) is None
    error = failure([open_, AuditFinding("d" * 64, "I6", "one", "do it"), AuditFinding("", "I3", "two", "")])
    assert error is not None
    assert (error.exit_code, error.where, error.todo) == (41, "d" * 12, "do it")
    assert "1 more" in error.what


def test_what_is_not_proved_fails_by_an_exit_code_of_its_own() -> None:
    open_ = AuditFinding("c" * 64, "I9", "its evidence is gone", "note it", proved=False)
    error = failure([open_, open_])
    assert error is not None
    assert (error.exit_code, error.where, error.todo) == (43, "c" * 12, "note it")
    assert error.what == "I9 is not proved: its evidence is gone; 1 more findings"


def test_a_state_that_is_read_stays_the_same(world: World) -> None:
    before = (world.lake.tags(), world.lake.branches(), read_main(world.lake))
    findings(world, rescore=True)
    assert before == (world.lake.tags(), world.lake.branches(), read_main(world.lake))


def test_what_comes_while_it_works_is_audited_too(world: World) -> None:
    steps = audit(world.ports, NumberProver(), MemoryWitness(world.ports.tracker))  # type: ignore[arg-type]
    next(steps)
    world.run(mae=10.0)
    rest = list(steps)
    assert texts([f for step in rest for f in step.findings]) == []
    assert world.lake.head(names.MAIN) in {step.commit.id for step in rest if step.commit}
    assert rest[-1].position == rest[-1].total


def test_what_goes_while_it_works_is_no_finding(world: World) -> None:
    steps = audit(world.ports, NumberProver(), MemoryWitness(world.ports.tracker))  # type: ignore[arg-type]
    next(steps)
    world.roll_back()
    resume(world.ports, "go on")
    world.run(mae=10.0)
    assert texts([f for step in steps for f in step.findings]) == []
