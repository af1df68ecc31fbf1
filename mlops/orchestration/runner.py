"""A run as a Dagster job in this process, kept in the state directory's Dagster instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.orchestration import workspaces as tags
from mlops.orchestration.assets import key
from mlops.orchestration.building import build, job_name
from mlops.orchestration.home import open_instance
from mlops.orchestration.workspaces import Workspaces
from mlops.runs.errors import ProtocolMisuse

if TYPE_CHECKING:
    from mlops.runs.promotion import Promotion
    from mlops.steps.workspace import Workspace

OWNER_TAG = "mlops/owner"


@dataclass(frozen=True)
class Executed:
    """A run that came to its end.

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
    """Do a run of a pipeline as its Dagster job, and return how it ended.

    Args:
        workspace: The pipeline's workspace; its lines of progress go where it says.
        params: Model parameters that differ from the defaults.
        state_dir: Where the Dagster instance is, or is made.
        again: Counts deliberate repetitions of the same inputs.
        take_over: Whether an attempt that seems alive is fenced all the same.

    Raises:
        MlopsError: As the step raised it.
    """
    spec = workspace.spec
    spec.parameters(params)
    workspaces = Workspaces(lambda _name, _tell: workspace)
    job = build(spec, workspaces).resolve_job_def(job_name(spec))
    owner = workspace.ports.processes.me()
    with open_instance(state_dir) as instance:
        _close_abandoned(instance, workspace)
        result = job.execute_in_process(
            run_config={
                "ops": {key(spec, "raw").to_python_identifier(): {"config": dict(params)}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=instance,
            tags={
                OWNER_TAG: owner,
                tags.AGAIN_TAG: str(again),
                tags.TAKE_OVER_TAG: str(take_over).lower(),
            },
        )
    if workspaces.ended is None:
        raise ProtocolMisuse("the job ended without an answer", where=result.run_id)
    return Executed(workspaces.ended, result.run_id)


def _close_abandoned(instance: dg.DagsterInstance, workspace: Workspace) -> None:
    """Mark runs whose process died as failed, or Dagster would show them as running for ever."""
    running = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=running)):
        owner = run.tags.get(OWNER_TAG)
        if owner and workspace.ports.processes.alive(owner) is False:
            instance.report_run_failed(run, f"its process {owner} is gone")
