"""One pipeline's Dagster definitions, all of the same shape, so that pipelines cannot drift apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops.orchestration import assets
from mlops.orchestration.arrivals import arrival_sensor
from mlops.orchestration.verdict_checks import guard_checks
from mlops.orchestration.workspaces import Workspaces

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec


def build(spec: PipelineSpec, workspaces: Workspaces | None = None, *, singly: bool = True) -> dg.Definitions:
    """Return assets, checks, job and sensor of a pipeline; nothing is opened yet.

    Args:
        spec: The pipeline.
        workspaces: Where its steps find their workspace; by default the environment's settings say.
        singly: Whether the job evaluates each expectation as a check of its own; else they are reported when
            the run has ended.
    """
    group = assets.identifier(spec)
    guards = guard_checks(spec, assets.key(spec, "evaluation"), f"{group}__guards")
    selection = dg.AssetSelection.groups(group)
    job = dg.define_asset_job(
        job_name(spec),
        selection - dg.AssetSelection.checks(*guards) if guards else selection,
        description=f"{spec.title}: one run, from what main holds to a promotion or a refusal",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=[
            assets.raw(spec),
            assets.processed(spec),
            *([assets.model(spec)] if spec.has_model else []),
            assets.evaluation(spec),
            assets.promotion(spec),
        ],
        asset_checks=[assets.expectations(spec, singly=singly), *guards],
        jobs=[job],
        sensors=[arrival_sensor(spec, job.name)],
        resources={"workspaces": workspaces or Workspaces()},
        executor=dg.in_process_executor,
    )


def job_name(spec: PipelineSpec) -> str:
    """Return the name of a pipeline's job."""
    return f"{assets.identifier(spec)}_run"
