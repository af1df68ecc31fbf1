"""Runs as Dagster jobs: what Dagster shows, what stops, what a retry goes on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops.orchestration import runner
from mlops.orchestration.building import build
from mlops.orchestration.home import home_of, open_instance
from mlops.orchestration.runner import Executed, execute_run
from mlops.orchestration.workspaces import RUN_TAG, Workspaces
from mlops.runs.errors import ConfigError, LakeUnavailable, ValidationFailed
from mlops.runs.records import Step
from mlops.steps import run as running
from mlops.steps import train
from mlops.steps.workspace import Workspace
from tests.orchestration import jobs
from tests.orchestration.tiny import SPEC, SUITE, elsewhere, tiny_workspace

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WARNED = {
    **SUITE,
    "expectations": [
        *SUITE["expectations"][:2],
        {**SUITE["expectations"][2], "kwargs": {"column": "x", "max_value": 3}},
    ],
}
BROKEN = {**SUITE, "expectations": [{**SUITE["expectations"][1], "kwargs": {"column": "x", "max_value": 3}}]}


@pytest.fixture
def execute(workspace: Workspace, state_dir: Path) -> Callable[..., Executed]:
    def run(params: dict[str, Any] | None = None, in_: Workspace = workspace, **options: Any) -> Executed:
        return execute_run(in_, params or {}, state_dir=state_dir, **options)

    return run


def events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> list[Any]:
    return [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kind)]


def materialized(instance: dg.DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    found = events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {
        event.asset_key.path[-1]: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in found
    }


def last_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    return instance.get_runs(limit=1)[0]


def test_a_run_is_promoted_and_dagster_shows_what_it_did(
    workspace: Workspace, execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    done = execute()
    shown = materialized(instance, done.dagster_run_id)
    assert list(shown) == ["raw", "processed", "model", "evaluation", "promotion"]
    assert shown["raw"]["commit"] == done.promotion.run.fork
    assert shown["raw"]["arrivals"] == 3
    assert shown["processed"]["train rows"] == 200
    assert shown["processed"]["dagster/row_count"] == 300
    assert len(shown["model"]["digest"]) == 64
    assert shown["evaluation"]["verdict"] == "promote"
    assert shown["evaluation"]["sentence"] == done.promotion.decision.verdict.sentence
    assert shown["promotion"]["commit"] == workspace.lake.head("main")
    assert shown["promotion"]["page: on main"] == workspace.links.commit(done.promotion.merge_commit)
    assert workspace.ports.tracker.runs[done.promotion.run.run_id]["mlops.dagster_run"] == done.dagster_run_id  # type: ignore[attr-defined]


def test_the_same_run_again_tells_how_it_ended(execute: Callable[..., Executed]) -> None:
    first, second = execute(), execute()
    assert first.promotion.merge_commit == second.promotion.merge_commit
    assert first.dagster_run_id != second.dagster_run_id


def test_a_refused_run_succeeds_and_leaves_the_promotion_as_it_was(
    execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    execute()
    done = execute({"shrinkage": 5000.0})
    assert done.promotion.number == 0
    assert "promotion" not in materialized(instance, done.dagster_run_id)
    observed = events(instance, done.dagster_run_id, dg.DagsterEventType.ASSET_OBSERVATION)
    assert observed[0].event_specific_data.asset_observation.metadata["verdict"].value == "refuse"
    assert last_run(instance).status is dg.DagsterRunStatus.SUCCESS


def test_a_refusal_is_a_warning_of_the_evaluation_and_a_tag_of_the_run(
    execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    for params, passed, tags in (
        ({}, True, {"mlops/verdict": "promoted 1", "mlops/reason": "beats_baseline"}),
        ({"shrinkage": 5000.0}, False, {"mlops/verdict": "refused", "mlops/reason": "no_gain"}),
    ):
        done = execute(params)
        checks = events(instance, done.dagster_run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        results = {e.event_specific_data.check_name: e.event_specific_data for e in checks}
        verdict = results["beats_champion"]
        assert verdict.passed is passed
        assert verdict.severity is dg.AssetCheckSeverity.WARN
        assert verdict.description == done.promotion.decision.verdict.sentence
        assert tags.items() <= last_run(instance).tags.items()


def test_a_broken_expectation_stops_the_run_before_anything_is_trained(
    execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    workspace = tiny_workspace("2020-01", "2020-02", suite=BROKEN)
    with pytest.raises(ValidationFailed, match="processed_train 0 of 1"):
        execute(in_=workspace)
    run = last_run(instance)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert list(materialized(instance, run.run_id)) == ["raw", "processed"]
    checks = events(instance, run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    results = {e.event_specific_data.check_name: e.event_specific_data for e in checks}
    assert results.keys() == {"train_rows_meet_expectations", "holdout_rows_meet_expectations"}
    assert not any(result.passed for result in results.values())
    assert not workspace.lake.list(run.tags["mlops/branch"], "model/")


def test_a_warning_is_shown_and_stops_nothing(
    execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    done = execute(in_=tiny_workspace("2020-01", "2020-02", suite=WARNED))
    checks = events(instance, done.dagster_run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [e for e in checks if e.event_specific_data.check_name.endswith("_rows_meet_expectations")]
    severities = {(e.event_specific_data.passed, e.event_specific_data.severity) for e in checks}
    assert severities == {(False, dg.AssetCheckSeverity.WARN)}
    assert done.promotion.number == 1


def test_the_step_s_own_error_comes_out(
    execute: Callable[..., Executed], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = LakeUnavailable("no answer", where="here")
    monkeypatch.setattr(train, "fit", _raising(error))
    with pytest.raises(LakeUnavailable) as caught:
        execute()
    assert caught.value is error
    assert last_run(instance).status is dg.DagsterRunStatus.FAILURE


def test_a_wrong_parameter_starts_nothing(
    execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    before = len(instance.get_run_ids())
    for params in ({"shrinkage": -1.0}, {"depth": 3}):
        with pytest.raises(ConfigError):
            execute(params)
    assert len(instance.get_run_ids()) == before


def test_a_retry_from_failure_in_another_process_goes_on_with_the_run(
    workspace: Workspace, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "current", [workspace])
    job = dg.reconstructable(jobs.tiny_job)
    with monkeypatch.context() as patched:
        patched.setattr(train, "fit", _raising(LakeUnavailable("no answer")))
        with dg.execute_job(job, instance, run_config=QUIET) as failed:
            assert not failed.success
    run_id = instance.get_run_by_id(failed.run_id).tags[RUN_TAG]  # type: ignore[union-attr]
    jobs.current.append(elsewhere(workspace))
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    with dg.execute_job(job, instance, run_config=QUIET, reexecution_options=options) as retried:
        assert retried.success
    assert list(materialized(instance, retried.run_id)) == ["model", "evaluation", "promotion"]
    champion = running.reloaded(workspace, running.reopen(workspace, run_id))
    assert (champion.run_id, champion.attempt) == (run_id, 2)
    assert workspace.lake.tags("promotion-")
    assert retried.dagster_run.root_run_id == failed.run_id
    assert instance.get_run_by_id(retried.run_id).tags["mlops/branch"] == champion.branch  # type: ignore[union-attr]


def test_a_retry_of_a_failed_check_in_the_same_process(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_workspace("2020-01", "2020-02")
    monkeypatch.setattr(jobs, "current", [workspace])
    job = dg.reconstructable(jobs.tiny_job)
    with monkeypatch.context() as patched:
        patched.setattr(running.prepare, "validate", _raising(LakeUnavailable("no answer")))
        with dg.execute_job(job, instance, run_config=QUIET) as failed:
            assert not failed.success
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    with dg.execute_job(job, instance, run_config=QUIET, reexecution_options=options) as retried:
        assert retried.success
    assert len(workspace.lake.branches("run-")) == 1


def test_a_part_of_the_job_alone_says_what_to_do(workspace: Workspace) -> None:
    defs = build(SPEC, Workspaces(lambda _name, _tell: workspace))
    job = defs.resolve_job_def("tiny_line_run")
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(ConfigError, match="a run is made as a whole"),
    ):
        job.execute_in_process(
            run_config=QUIET, instance=instance, asset_selection=[dg.AssetKey(["tiny-line", "model"])]
        )


def test_progress_of_a_run_that_dagster_started_is_in_its_log(instance: dg.DagsterInstance) -> None:
    made: list[Workspace] = []

    def open_(_name: str, tell: Callable[[str], None]) -> Workspace:
        from dataclasses import replace

        workspace = tiny_workspace("2020-01", "2020-02")
        made.append(Workspace(SPEC, workspace.lake, replace(workspace.ports, tell=tell), workspace.links))
        return made[-1]

    job = build(SPEC, Workspaces(open_)).resolve_job_def("tiny_line_run")
    result = job.execute_in_process(run_config=QUIET, instance=instance)
    logged = [(e.step_key, e.user_message) for e in instance.all_logs(result.run_id) if e.user_message]
    assert len(made) == 1
    assert any(step == "tiny_line__model" and "fitting on" in line for step, line in logged)


def test_runs_of_a_process_that_died_are_closed(
    workspace: Workspace, execute: Callable[..., Executed], instance: dg.DagsterInstance
) -> None:
    def abandoned(owner: str) -> str:
        job, run_id = build(SPEC).resolve_job_def("tiny_line_run"), str(uuid.uuid4())
        run = instance.create_run_for_job(job, run_id=run_id, tags={runner.OWNER_TAG: f"{run_id} {owner}"})
        instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=job.name), run.run_id
        )
        return run.run_id

    gone, alive = abandoned("host:9:9"), abandoned("host:1:1")
    execute()
    statuses = {run_id: instance.get_run_by_id(run_id).status for run_id in (gone, alive)}  # type: ignore[union-attr]
    assert statuses == {gone: dg.DagsterRunStatus.FAILURE, alive: dg.DagsterRunStatus.STARTED}


def test_an_interrupt_ends_the_run_in_dagster_too(
    execute: Callable[..., Executed], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute()
    assert last_run(instance).status is dg.DagsterRunStatus.FAILURE


@pytest.mark.slow
def test_processes_may_make_the_instance_at_the_same_time(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from mlops.orchestration.home import open_instance\n"
        "print(end='ready\\n', flush=True); sys.stdin.readline()\n"
        "with open_instance(pathlib.Path(sys.argv[1])) as instance: print(instance.get_runs_count())"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    assert all(process.stdout and process.stdout.readline() == "ready\n" for process in started)
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert answers == ["0\n"] * 3


def test_dagster_sends_nothing_to_anybody(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
    assert (home_of(tmp_path) / "dagster.yaml").is_file()
    assert {file.name for file in tmp_path.iterdir()} == {"dagster"}


def test_a_decided_run_is_only_promoted(workspace: Workspace, execute: Callable[..., Executed]) -> None:
    decided = running.evaluate(workspace, running.open_(workspace, SPEC.parameters({})))
    done = execute()
    assert decided.step is Step.DECIDED
    assert done.promotion.run.run_id == decided.run_id
    assert done.promotion.evidence_commit == decided.head


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_args: object, **_kwargs: object) -> Any:
        raise error

    return fail
