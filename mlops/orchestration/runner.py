"""A run as a Dagster job in this process, kept in the state directory's Dagster instance."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.orchestration.building import build_run
from mlops.orchestration.checks.expectations import report_expectations
from mlops.orchestration.checks.verdict import report_guards
from mlops.orchestration.execution import execute_here
from mlops.orchestration.home import open_instance
from mlops.orchestration.names import key
from mlops.orchestration.workspaces import AGAIN_TAG, BRANCH_TAG, TAKE_OVER_TAG, Workspaces
from mlops.runs.errors import MlopsError, ProtocolMisuse, ValidationFailed

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Processes
    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace

#: Tag with the Dagster run and the process that executes it; a retry inherits the tag, but not the run's id.
OWNER_TAG = "mlops/owner"

_UNFINISHED = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


@dataclass(frozen=True)
class Executed:
    """A finished run.

    Attributes:
        promotion: How it ended.
        dagster_run_id: Where Dagster shows it.
    """

    promotion: Promotion
    dagster_run_id: str


def execute_run(
    workspace: Workspace,
    params: Mapping[str, Any],
    *,
    state_dir: Path,
    again: int = 0,
    take_over: bool = False,
) -> Executed:
    """Execute a run of a pipeline as its Dagster job, and return the result.

    Args:
        workspace: The pipeline's workspace; its lines of progress go where it says.
        params: Model parameters that differ from the defaults.
        state_dir: Where the Dagster instance is, or is made.
        again: Counts deliberate repetitions of the same inputs.
        take_over: Whether an attempt that seems alive is fenced all the same.

    Raises:
        MlopsError: As the step raised it.
    """
    spec, processes = workspace.spec, workspace.ports.processes
    spec.parameters(params)
    workspaces = Workspaces(lambda _name, _tell: workspace)
    job = build_run(spec, workspaces)
    run_id = str(uuid.uuid4())
    tags = {OWNER_TAG: f"{run_id} {processes.me()}"}
    if again:
        tags[AGAIN_TAG] = str(again)
    if take_over:
        tags[TAKE_OVER_TAG] = "true"
    with open_instance(state_dir) as instance:
        _close_abandoned(instance, processes)
        try:
            execute_here(instance, job, run_id=run_id, run_config=_run_config(spec, params), tags=tags)
        except ValidationFailed:
            _show_expectations(instance, workspace, run_id)
            raise
    if workspaces.ended is None:
        raise ProtocolMisuse("the job ended without an answer", where=run_id)
    return Executed(workspaces.ended, run_id)


def report_checks(state_dir: Path, workspace: Workspace, ended: Promotion) -> None:
    """Record in Dagster which expectations and guards hold, after the run that they are about.

    Args:
        state_dir: Where the Dagster instance is.
        workspace: The pipeline's workspace.
        ended: How the run ended.
    """
    spec = workspace.spec
    with open_instance(state_dir) as instance:
        report_guards(instance, spec, ended.decision)
        report_expectations(instance, spec, workspace.lake, ended.evidence_commit, key(spec, "processed"))


def _show_expectations(instance: dg.DagsterInstance, workspace: Workspace, run_id: str) -> None:
    """Record the expectations of a run that they have stopped; nothing that fails here hides its error."""
    run = instance.get_run_by_id(run_id)
    if run is None or BRANCH_TAG not in run.tags:
        return
    spec = workspace.spec
    with contextlib.suppress(MlopsError):
        report_expectations(instance, spec, workspace.lake, run.tags[BRANCH_TAG], key(spec, "processed"))


def _run_config(spec: PipelineSpec, params: Mapping[str, Any]) -> dict[str, Any]:
    first = key(spec, "raw").to_python_identifier()
    return {
        "ops": {first: {"config": dict(params)}},
        # Progress goes through the workspace; what Dagster would print lies in its instance all the same.
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }


def _close_abandoned(instance: dg.DagsterInstance, processes: Processes) -> None:
    """Mark runs whose process died as failed, or Dagster would show them as running for ever."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=list(_UNFINISHED))):
        run_id, _, owner = run.tags.get(OWNER_TAG, "").partition(" ")
        if run_id == run.run_id and processes.alive(owner) is False:
            instance.report_run_failed(run, f"its process {owner} is gone")
