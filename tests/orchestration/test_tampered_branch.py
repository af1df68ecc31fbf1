"""A run goes on only from what its own signed steps prove; what somebody put on its branch is ignored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.adapters.models import saved_files
from mlops.adapters.record.signing import TrustedKeys
from mlops.runs import names
from mlops.runs.errors import Corrupt
from mlops.runs.evidence import Contender
from mlops.runs.promotion.attempts import proven_run
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import Run, Step
from mlops.steps import run as running
from mlops.steps.workspace import Workspace
from tests.orchestration.conftest import Loads
from tests.orchestration.test_deciding_again import predictions
from tests.orchestration.tiny import SPEC, elsewhere
from tests.support.fakes import SIGNER
from tests.support.keys import signer_and_trust

SKOPS = f"{names.MODEL}{saved_files.MODEL_FILE}"


def decided(workspace: Workspace, **params: float) -> Run:
    return running.evaluate(workspace, running.open_(workspace, SPEC.parameters(params)))


def run_again(workspace: Workspace, **params: float) -> Promotion:
    """Do what another process does that is asked for the same run."""
    return running.run_all(elsewhere(workspace), SPEC.parameters(params))


def worse_model(tmp_path: Path, workspace: Workspace, head: str) -> bytes:
    """Return the file of a model that is far worse than any that the pipeline would fit."""
    from sklearn.linear_model import Ridge

    rows = workspace.frames.read(head, names.TRAIN)
    taken = rows.loc[:, list(SPEC.model_input)]
    model = Ridge(alpha=1e9).fit(taken, rows[SPEC.target])
    saved_files.save(model, tmp_path / "worse", SPEC.trusted_types, example=taken.head(2))
    return (tmp_path / "worse" / saved_files.MODEL_FILE).read_bytes()


def test_a_model_that_was_replaced_after_the_decision_is_not_promoted(
    workspace: Workspace, tmp_path: Path
) -> None:
    running.run_all(workspace, SPEC.parameters({"shrinkage": 2000.0}))
    run = decided(workspace)
    lake, honest = workspace.lake, workspace.lake.sha256(run.head, SKOPS)
    lake.write(run.branch, SKOPS, worse_model(tmp_path, workspace, run.head))
    lake.commit(run.branch, "the same", lake.commit_of(run.head).metadata)

    ended = run_again(workspace)

    assert ended.number == 2
    assert lake.sha256(ended.merge_commit, SKOPS) == honest
    assert any(
        "not proved by the run's own record" in line and "names another parent" in line
        for line in workspace.ports.tell.__self__  # type: ignore[attr-defined]
    )


def test_a_branch_that_was_made_again_with_another_model_is_trained_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The metadata of every commit is kept, signatures included, and every commit has the right parent."""
    run = decided(workspace)
    lake = workspace.lake
    validated = next(c for c in lake.log(run.head) if c.metadata["step"] == Step.VALIDATED)
    trained = next(c for c in lake.log(run.head) if c.metadata["step"] == Step.TRAINED)
    worse = worse_model(tmp_path, workspace, run.head)
    honest = workspace.lake.sha256(run.head, SKOPS)
    lake.hard_reset(run.branch, validated.id)
    for stat in lake.list(trained.id, names.MODEL):
        lake.copy(run.branch, stat.path, trained.id, stat.path)
    lake.write(run.branch, SKOPS, worse)
    lake.commit(run.branch, trained.message, trained.metadata)

    again = proven_run(elsewhere(workspace).ports, run.branch)
    assert again is not None
    assert (again.step, again.head) == (Step.VALIDATED, validated.id)
    ended = run_again(workspace)
    assert workspace.lake.sha256(ended.merge_commit, SKOPS) != workspace.lake.sha256(run.branch, SKOPS)
    assert len(honest) == 64


Meddle = Callable[[Workspace, Run], None]


def _signed_by_a_stranger(workspace: Workspace, run: Run) -> None:
    from mlops.runs.promotion.attempts import finish_step

    stranger, _ = signer_and_trust(9)
    ports = replace(workspace.ports, signer=stranger, proved={})
    workspace.lake.write(run.branch, names.TRAIN, b"invented rows")
    finish_step(ports, run, run.step, "the same")


def _unsigned(workspace: Workspace, run: Run) -> None:
    metadata = dict(workspace.lake.commit_of(run.head).metadata)
    del metadata[names.STATEMENT_KEY]
    workspace.lake.write(run.branch, names.PREDICTIONS, b"invented")
    workspace.lake.commit(run.branch, "the same", metadata)


def _other_metadata(workspace: Workspace, run: Run) -> None:
    metadata = {**workspace.lake.commit_of(run.head).metadata, "outcome": "promote", "reason": "better"}
    workspace.lake.commit(run.branch, "the same", metadata, allow_empty=True)


def _nothing_of_a_run(workspace: Workspace, run: Run) -> None:
    workspace.lake.write(run.branch, names.TRAIN, b"invented rows")
    workspace.lake.commit(run.branch, "stray", {})


def _statement_of_another_repository(workspace: Workspace, run: Run) -> None:
    from mlops.runs.promotion.attempts import finish_step

    other = replace(workspace.ports, proved={})
    name, workspace.lake.repository = workspace.lake.repository, "other-line"  # type: ignore[misc]
    finish_step(other, run, run.step, "the same")
    workspace.lake.repository = name  # type: ignore[misc]


MEDDLED: dict[str, tuple[Meddle, str]] = {
    "a signature of a stranger": (_signed_by_a_stranger, "not signed by a trusted key"),
    "no signature": (_unsigned, "carries no signed statement"),
    "other metadata": (_other_metadata, "another parent"),
    "a commit of no step": (_nothing_of_a_run, "carries no signed statement"),
    "a statement of another repository": (_statement_of_another_repository, "another repository"),
}


@pytest.mark.parametrize("name", MEDDLED)
def test_what_no_step_of_the_run_committed_is_ignored(workspace: Workspace, name: str) -> None:
    run = decided(workspace)
    meddle, why = MEDDLED[name]
    meddle(workspace, run)

    other = elsewhere(workspace)
    lines: list[str] = []
    found = proven_run(replace(other.ports, tell=lines.append), run.branch)

    assert found is not None
    assert (found.head, found.step) == (run.head, Step.DECIDED)
    assert why in lines[0]
    ended = run_again(workspace)
    assert ended.merge_commit
    assert ended.evidence_commit == run.head


def test_a_run_whose_first_commit_is_not_proved_starts_anew(workspace: Workspace) -> None:
    """Somebody whose key is not trusted here has made the whole branch."""
    stranger, _ = signer_and_trust(9)
    keys = TrustedKeys([stranger.public, SIGNER.public])
    theirs = replace(workspace.ports, signer=stranger, trust=keys, proved={})
    run = decided(replace(workspace, ports=theirs))
    assert proven_run(elsewhere(workspace).ports, run.branch) is None
    ended = run_again(workspace)
    assert ended.number == 1
    assert ended.run.attempt == run.attempt + 1
    assert ended.evidence_commit != run.head


def test_what_was_staged_beside_a_step_is_not_merged(workspace: Workspace) -> None:
    """Somebody stages other rows on the branch just before the run commits its decision."""
    run = running.train(workspace, running.open_(workspace, SPEC.parameters({})))
    workspace.lake.write(run.branch, names.validation_path("processed_train"), b"all is well")
    run = running.evaluate(workspace, run)
    with pytest.raises(Corrupt, match=r"validation/processed_train.json is not what the run's own steps"):
        running.promote(workspace, run)
    assert run_again(workspace).number == 1


def test_predictions_are_taken_again_only_for_the_same_model_rows_and_code(
    workspace: Workspace, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner, loser = decided(workspace, shrinkage=300.0), decided(workspace)
    running.promote(workspace, winner)
    loads.clear()
    monkeypatch.setattr("mlops.steps.evaluation.cached_predictions.code_digest", lambda _spec: "other code")
    again = running.promote(workspace, loser)
    assert (again.number, again.decided_again, len(loads)) == (2, 1, 2)
    table = predictions(workspace, again.evidence_commit)
    assert table[Contender.CANDIDATE].equals(predictions(workspace, loser.head)[Contender.CANDIDATE])
