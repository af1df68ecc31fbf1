"""One pipeline's Dagster definitions, all of the same shape, so that pipelines cannot drift apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.orchestration import arrival_assets, assets
from mlops.orchestration.arrivals import arrival_sensor
from mlops.orchestration.checks.verdict import guard_checks
from mlops.orchestration.names import identifier, key
from mlops.orchestration.values import VALUES, RunValues
from mlops.orchestration.workspaces import Workspaces

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from mlops.pipelines.spec import PipelineSpec


def build(
    spec: PipelineSpec, workspaces: Workspaces | None = None, values: RunValues | None = None
) -> dg.Definitions:
    """Return assets, checks, jobs and sensors of a pipeline; nothing is opened yet.

    Args:
        spec: The pipeline.
        workspaces: Where its steps find their workspace; by default the environment's settings say.
        values: Their IO manager, where definitions of several pipelines are merged and have to share one.
    """
    workspaces = workspaces or Workspaces()
    guards = guard_checks(spec, key(spec, "evaluation"), f"{identifier(spec)}__guards")
    arrivals = arrival_assets.arrivals(spec)
    steps = _steps(spec, after=[key(spec, "arrivals")])
    checks = assets.expectations(spec)
    job = _job(spec, steps, guards)
    ingest = dg.define_asset_job(
        f"{identifier(spec)}_ingest",
        dg.AssetSelection.assets(arrivals),
        description=f"{spec.title}: arrivals, one after the other, validated and merged into main",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=[arrivals, *steps],
        asset_checks=[checks, *guards],
        jobs=[job, ingest, arrival_assets.listing_job(spec)],
        sensors=[arrival_sensor(spec, job.name), arrival_assets.source_sensor(spec)],
        resources=_resources(workspaces, values or RunValues(workspaces)),
        executor=dg.in_process_executor,
    )


def build_run(spec: PipelineSpec, workspaces: Workspaces) -> dg.JobDefinition:
    """Return the job of a run alone, for a process that executes one and reports single checks afterwards."""
    steps, checks = _steps(spec), assets.expectations(spec, singly=False)
    return dg.Definitions(
        assets=steps,
        asset_checks=[checks],
        jobs=[_job(spec, steps, [])],
        resources=_resources(workspaces, RunValues(workspaces)),
        executor=dg.in_process_executor,
    ).resolve_job_def(job_name(spec))


def job_name(spec: PipelineSpec) -> str:
    """Return the name of a pipeline's job."""
    return f"{identifier(spec)}_run"


def _resources(workspaces: Workspaces, values: RunValues) -> dict[str, Any]:
    return {"workspaces": workspaces, VALUES: values}


def _steps(spec: PipelineSpec, after: Sequence[dg.AssetKey] = ()) -> list[dg.AssetsDefinition]:
    return [
        assets.raw(spec, after=after),
        assets.processed(spec),
        *([assets.model(spec)] if spec.has_model else []),
        assets.evaluation(spec),
        assets.promotion(spec),
    ]


def _job(
    spec: PipelineSpec, steps: Sequence[dg.AssetsDefinition], left_out: Sequence[dg.AssetChecksDefinition]
) -> UnresolvedAssetJobDefinition:
    selection = dg.AssetSelection.assets(*steps)
    return dg.define_asset_job(
        job_name(spec),
        selection - dg.AssetSelection.checks(*left_out) if left_out else selection,
        description=f"{spec.title}: one run, from what main holds to a promotion or a refusal",
        executor_def=dg.in_process_executor,
    )
