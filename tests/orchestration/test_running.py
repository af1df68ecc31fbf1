"""The steps of a run without Dagster: called again, in another process, after a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.adapters.models import saved_files
from mlops.runs import names
from mlops.runs.errors import InputError, NotFound, NotPromoted, RunAlive, ValidationFailed
from mlops.runs.main.state import read_main
from mlops.runs.records import ObjectRecord, Step
from mlops.steps import run as running
from mlops.steps import train
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, SUITE, arrive, elsewhere, tiny_workspace

DEFAULTS = SPEC.parameters({})


def test_a_whole_run_ends_on_main(workspace: Workspace) -> None:
    ended = running.run_all(workspace, DEFAULTS)
    state = read_main(workspace.lake)
    assert (ended.number, ended.merge_commit) == (1, state.head)
    assert {"reports/run.md", "model/MLmodel"} <= {stat.path for stat in workspace.lake.list(state.head)}


def test_each_step_does_what_is_missing_before_it(workspace: Workspace) -> None:
    run = running.open_(workspace, DEFAULTS)
    assert running.train(workspace, run).step is Step.TRAINED


def test_a_finished_step_is_not_done_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = running.train(workspace, running.open_(workspace, DEFAULTS))
    monkeypatch.setattr(train, "saved_files", None)
    assert running.train(workspace, run) == run


def test_another_process_goes_on_from_the_last_finished_step(workspace: Workspace) -> None:
    run = running.validate(workspace, running.open_(workspace, DEFAULTS))
    resumed = running.reopen(elsewhere(workspace), run.run_id)
    assert (resumed.run_id, resumed.attempt, resumed.step) == (run.run_id, 2, Step.VALIDATED)


def test_what_arrived_meanwhile_does_not_change_the_run(workspace: Workspace) -> None:
    run = running.validate(workspace, running.open_(workspace, DEFAULTS))
    arrive(workspace, "2020-04")
    resumed = running.reopen(elsewhere(workspace), run.run_id)
    assert (resumed.run_id, resumed.fork, resumed.step) == (run.run_id, run.fork, Step.VALIDATED)


def test_other_code_makes_it_another_run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = running.validate(workspace, running.open_(workspace, DEFAULTS))
    monkeypatch.setattr("mlops.steps.run_inputs.code_digest", lambda _spec: "other code")
    other = running.reopen(elsewhere(workspace), run.run_id)
    assert other.run_id != run.run_id
    assert (other.step, other.inputs.code_digest) == (Step.OPENED, "other code")


def test_a_deliberate_repetition_keeps_its_number(workspace: Workspace) -> None:
    run = running.open_(workspace, DEFAULTS, again=2)
    assert run.run_id.endswith("n2")
    assert running.reopen(elsewhere(workspace), run.run_id).run_id == run.run_id


def test_a_run_that_somebody_works_on_is_left_alone(workspace: Workspace) -> None:
    run = running.open_(workspace, DEFAULTS)
    with pytest.raises(RunAlive):
        running.reopen(elsewhere(workspace, living={"host:1:1"}), run.run_id)


def test_a_run_that_nothing_is_left_of(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="nothing is left"):
        running.reopen(workspace, "0" * 12)


def test_rows_that_break_an_expectation_end_the_run_here_and_in_the_tracker() -> None:
    broken = {**SUITE, "expectations": [_between(max_value=3)]}
    workspace = tiny_workspace("2020-01", "2020-02", suite=broken)
    run = running.open_(workspace, DEFAULTS)
    with pytest.raises(ValidationFailed, match="processed_train 0 of 1"):
        running.train(workspace, run)
    failed = running.reloaded(workspace, run)
    assert failed.step is Step.FAILED
    assert workspace.lake.read(failed.head, names.validation_path("processed_holdout"))
    assert workspace.ports.tracker.runs[run.run_id]["status"] == "failed"  # type: ignore[attr-defined]


def test_a_failed_run_starts_anew_where_main_is_now() -> None:
    workspace = tiny_workspace("2020-01")
    run = running.open_(workspace, DEFAULTS)
    with pytest.raises(NotPromoted, match="not_enough_data"):
        running.process(workspace, run)
    arrive(workspace, "2020-02")
    other = running.reopen(workspace, run.run_id)
    assert other.fork == workspace.lake.head("main")
    assert running.process(workspace, other).step is Step.PROCESSED


def test_a_refused_run_is_not_compared_with_a_later_champion(workspace: Workspace) -> None:
    running.run_all(workspace, DEFAULTS)
    refused = running.run_all(workspace, SPEC.parameters({"shrinkage": 5000.0}))
    assert refused.number == 0
    arrive(workspace, "2020-04")
    looks = workspace.lake.tags("decision-")
    again = running.promote(workspace, refused.run)
    assert again.evidence_commit == refused.evidence_commit
    assert workspace.lake.tags("decision-") == looks


def test_the_record_of_a_step_is_its_own_commit_after_a_resumption(workspace: Workspace) -> None:
    run = running.process(workspace, running.open_(workspace, DEFAULTS))
    resumed = running.reopen(elsewhere(workspace), run.run_id)
    assert running.record_of(workspace, resumed, Step.PROCESSED).id == run.head
    with pytest.raises(NotFound, match="trained"):
        running.record_of(workspace, resumed, Step.TRAINED)


def test_an_attempt_that_died_before_its_first_commit_is_no_obstacle(workspace: Workspace) -> None:
    run = running.process(workspace, running.open_(workspace, DEFAULTS))
    workspace.lake.create_branch(replace(run, attempt=2).branch, run.head)
    resumed = running.reopen(elsewhere(workspace), run.run_id)
    assert (resumed.attempt, resumed.step) == (3, Step.PROCESSED)


def test_a_champion_that_cannot_be_scored_refuses_the_run_on_record(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.run_all(workspace, SPEC.parameters({"shrinkage": 300.0}))
    load = saved_files.load
    champion = [o.sha256 for o in read_main(workspace.lake).champion.objects if o.path.endswith(".skops")]  # type: ignore[union-attr]

    def unreadable(folder: Path, records: Sequence[ObjectRecord], trusted: Sequence[str]) -> object:
        if champion[0] in {record.sha256 for record in records}:
            raise InputError("cannot be opened as skops")
        return load(folder, records, trusted)

    monkeypatch.setattr(saved_files, "load", unreadable)
    refused = running.run_all(workspace, DEFAULTS)
    verdict = refused.decision.verdict
    assert [str(finding.reason) for finding in verdict.findings] == ["champion_unscorable"]
    assert "cannot be opened as skops" in verdict.sentence
    assert workspace.lake.head("main") == refused.run.fork
    assert refused.evidence_commit in workspace.lake.tags("decision-").values()


def test_a_holdout_by_key_is_the_candidate_s_own_however_old_the_champion() -> None:
    workspace = tiny_workspace("2020-01", "2020-02", rule=b"kind: hash\nfraction: 0.3\n")
    running.run_all(workspace, SPEC.parameters({"shrinkage": 300.0}))
    ended = running.run_all(workspace, DEFAULTS)
    assert ended.number == 2
    assert "holdout_leaked" not in {str(finding.reason) for finding in ended.decision.verdict.findings}


def _between(**limits: float) -> dict[str, object]:
    return {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", **limits}}
