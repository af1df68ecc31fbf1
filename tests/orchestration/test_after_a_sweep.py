"""A sweep removes branches and nothing else: how a run ended is told from `main` and the record tags."""

from __future__ import annotations

import copy

import pytest

from mlops.runs import names
from mlops.runs.audit.audit import AuditFinding, audit
from mlops.runs.errors import NotPromoted
from mlops.runs.main.state import read_main
from mlops.runs.promotion import attempts
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.forget import forget
from mlops.runs.upkeep.sweep import sweep
from mlops.steps import run as running
from mlops.steps.rollback import restore
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, arrive, elsewhere, tiny_workspace

BETTER, WORSE = SPEC.parameters({}), SPEC.parameters({"shrinkage": 300.0})


def looks(workspace: Workspace) -> set[str]:
    """Return the evaluations that were spent."""
    return set(workspace.lake.tags("decision-"))


def swept(workspace: Workspace) -> None:
    """Remove every branch that may go; of runs, all must."""
    sweep(workspace.ports, dry_run=False)
    assert not workspace.lake.branches("run-")


@pytest.fixture(scope="module")
def _prototype() -> Workspace:
    workspace = tiny_workspace("2020-01", "2020-02")
    assert running.run_all(workspace, BETTER).number == 1
    assert running.run_all(workspace, WORSE).number == 0
    return workspace


@pytest.fixture
def workspace(_prototype: Workspace) -> Workspace:
    """A promotion and a refusal on two months, and all branches swept."""
    workspace = copy.deepcopy(_prototype)
    swept(workspace)
    return workspace


@pytest.mark.parametrize("in_another_process", [False, True])
def test_a_promoted_run_tells_its_promotion(workspace: Workspace, in_another_process: bool) -> None:
    before, tracked = looks(workspace), copy.deepcopy(workspace.ports.tracker)
    ended = running.run_all(elsewhere(workspace) if in_another_process else workspace, BETTER)
    state = read_main(workspace.lake)
    assert (ended.number, ended.merge_commit, ended.decision.verdict.promotes) == (1, state.head, True)
    assert (looks(workspace), workspace.lake.branches("run-")) == (before, {})
    run = workspace.ports.tracker.runs[ended.run.run_id]  # type: ignore[attr-defined]
    assert run["mlops.merge_commit"] == tracked.runs[ended.run.run_id]["mlops.merge_commit"] == state.head  # type: ignore[attr-defined]


def test_a_promoted_run_tells_its_promotion_when_another_replaced_it() -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    first = running.run_all(workspace, WORSE)
    assert running.run_all(workspace, BETTER).number == 2
    swept(workspace)
    before = looks(workspace)
    again = running.run_all(workspace, WORSE)
    assert (again.number, again.merge_commit, looks(workspace)) == (1, first.merge_commit, before)


def test_a_refused_run_tells_its_refusal(workspace: Workspace) -> None:
    before = looks(workspace)
    ended = running.run_all(elsewhere(workspace), WORSE)
    assert (ended.number, ended.decision.verdict.promotes, looks(workspace)) == (0, False, before)
    assert workspace.lake.branches("run-") == {}


def test_a_step_of_a_run_that_is_over_may_be_asked_for(workspace: Workspace) -> None:
    run = running.open_(workspace, BETTER)
    assert running.evaluate(workspace, running.reopen(workspace, run.run_id)).head == run.head
    assert running.reopen(elsewhere(workspace), run.run_id) == run


def test_promote_tells_how_a_run_ended(workspace: Workspace) -> None:
    run_id = read_main(workspace.lake).champion.run_id  # type: ignore[union-attr]
    assert restore.promote(workspace, run_id).number == 1


def test_a_deliberate_repetition_is_a_run_of_its_own(workspace: Workspace) -> None:
    before = looks(workspace)
    ended = running.run_all(workspace, WORSE, again=1)
    assert (ended.number, len(looks(workspace) - before)) == (0, 1)
    assert ended.run.run_id.endswith("n1")


def test_a_run_that_was_rolled_back_stays_so() -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    running.run_all(workspace, WORSE)
    running.run_all(workspace, BETTER)
    rollback(workspace.ports, "it was wrong")
    resume(workspace.ports, "go on")
    swept(workspace)
    before = looks(workspace)
    with pytest.raises(NotPromoted, match="rolled back"):
        running.run_all(workspace, BETTER)
    assert looks(workspace) == before


def test_a_forgotten_run_stays_so(workspace: Workspace) -> None:
    run_id = running.run_all(workspace, WORSE).run.run_id
    forget(workspace.ports, run_id, "asked for")
    with pytest.raises(NotPromoted, match="forgotten"):
        running.run_all(workspace, WORSE)


def test_a_restored_promotion_is_told_and_not_restored_twice() -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    running.run_all(workspace, WORSE)
    running.run_all(workspace, BETTER)
    rollback(workspace.ports, "it was wrong")
    resume(workspace.ports, "go on")
    first = restore.restore(workspace, 2, "it was right")
    swept(workspace)
    before = looks(workspace)
    again = restore.restore(workspace, 2, "it was right")
    assert (first.number, again.number, again.merge_commit) == (4, 4, first.merge_commit)
    assert looks(workspace) == before


def test_a_refused_return_is_told_and_not_tried_again_unasked() -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    running.run_all(workspace, WORSE)
    running.run_all(workspace, BETTER)
    refused = restore.restore(workspace, 1, "just to see")
    swept(workspace)
    before = looks(workspace)
    again = restore.restore(workspace, 1, "just to see")
    assert (again.number, again.run.run_id, looks(workspace)) == (0, refused.run.run_id, before)
    assert restore.restore(workspace, 1, "once more", again=True).run.run_id != refused.run.run_id


def test_a_decision_that_waits_is_gone_on_with_though_its_branch_is_gone() -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    waiting = running.evaluate(workspace, running.open_(workspace, BETTER))
    workspace.lake.delete_branch(waiting.branch)
    before = looks(workspace)
    ended = running.run_all(elsewhere(workspace), BETTER)
    assert (ended.number, looks(workspace)) == (1, before)
    assert attempts.attempts_of(workspace.lake, waiting.run_id) == [names.run_branch(waiting.run_id, 2)]
    assert not [f for f in _audit(workspace) if f.proved]


def test_the_champion_never_competes_with_itself(workspace: Workspace) -> None:
    """An attempt that an older version opened on the champion's own commit is told how its run ended."""
    state = read_main(workspace.lake)
    inputs = running.open_(workspace, BETTER).inputs
    assert state.champion is not None
    branch = names.run_branch(state.champion.run_id, 1)
    workspace.lake.create_branch(branch, state.head)
    opened = attempts.Run(
        state.champion.run_id,
        1,
        state.head,
        state.head,
        attempts.Step.TRAINED,
        inputs,
        attempts.Lease("host:9:9", 0),
        0,
    )
    attempts.finish_step(workspace.ports, opened, attempts.Step.TRAINED, "as an older version left it")
    before = looks(workspace)
    assert running.run_all(elsewhere(workspace), BETTER).number == 1
    assert looks(workspace) == before


def test_an_arrival_makes_it_a_new_run(workspace: Workspace) -> None:
    arrive(workspace, "2020-03")
    before = looks(workspace)
    running.run_all(workspace, BETTER)
    assert len(looks(workspace) - before) == 1


def _audit(workspace: Workspace) -> list[AuditFinding]:
    return [finding for step in audit(workspace.ports) for finding in step.findings]
