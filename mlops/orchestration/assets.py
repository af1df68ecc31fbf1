"""The assets of a pipeline, raw to promotion, and the expectations between them.

`raw`, `processed` and `model` hand their values to the IO manager of `values`, which writes them to the run's
branch as the run protocol has it. A materialized asset is on a run's branch; only ``promotion`` is on `main`.
"""

# The annotations of assets name classes that are made here, so they are evaluated as they stand.
# pyright: reportInvalidTypeForm=false

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from mlops.orchestration import metadata
from mlops.orchestration.checks.expectations import (
    check_results,
    check_specs,
    processed_suite,
    stored_reports,
)
from mlops.orchestration.checks.verdict import verdict_specs
from mlops.orchestration.names import identifier, key
from mlops.orchestration.params import config_class
from mlops.orchestration.values import VALUES, Values
from mlops.orchestration.workspaces import Workspaces, find_run, remember_verdict
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.errors import ValidationFailed
from mlops.runs.records import Run, Step
from mlops.steps import run as running
from mlops.steps import train as training
from mlops.steps.prepare import processed_tables, rows_of


def raw(spec: PipelineSpec, *, after: Sequence[dg.AssetKey] = ()) -> dg.AssetsDefinition:
    """Return the asset that opens the run: what `main` holds under ``raw/`` where it forks.

    Args:
        spec: The pipeline.
        after: Assets that it is made of and that are no step of a run.
    """
    params = config_class(spec)

    @dg.asset(
        key=key(spec, "raw"),
        deps=after,
        group_name=identifier(spec),
        kinds={"lakefs"},
        io_manager_key=VALUES,
    )
    def open_run_on_main(
        context: dg.AssetExecutionContext, config: params, values: dg.ResourceParam[Values]
    ) -> Any:
        """The arrivals a run reads, at a commit of main; the run's branch is opened."""
        return values.begin(context, spec, config)

    return open_run_on_main


def processed(spec: PipelineSpec) -> dg.AssetsDefinition:
    """Return the asset that joins and splits the rows."""

    @dg.asset(
        key=key(spec, "processed"),
        ins={"raw": _input(spec, "raw")},
        group_name=identifier(spec),
        kinds={"pandas"},
        io_manager_key=VALUES,
    )
    def process(context: dg.AssetExecutionContext, raw: Any, values: dg.ResourceParam[Values]) -> Any:
        """Training and holdout rows on the run's branch."""
        return values.made(context, spec, Step.PROCESSED, lambda: rows_of(spec, raw()))

    return process


def expectations(spec: PipelineSpec, *, singly: bool = True) -> dg.AssetChecksDefinition:
    """Return the checks that hold the processed rows against the suite on `main`, and stop the run.

    Args:
        spec: The pipeline.
        singly: Whether each expectation is a check of its own besides that of its table.
    """
    asset, suite = key(spec, "processed"), processed_suite(spec)
    specs = [
        dg.AssetCheckSpec(
            metadata.check_name(table),
            asset=asset,
            blocking=True,
            description=f"Every expectation of gate/suites/processed.json on {path}",
        )
        for table, path in processed_tables(spec).items()
    ]

    @dg.multi_asset_check(
        name=f"{identifier(spec)}__expectations",
        specs=[*specs, *(check_specs(suite, asset) if singly else [])],
    )
    def validate(
        context: dg.AssetCheckExecutionContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> Iterator[dg.AssetCheckResult]:
        workspace, run = find_run(context, workspaces, spec)

        def results(run: Run) -> Iterator[dg.AssetCheckResult]:
            reports = stored_reports(workspace.lake, run.head, suite.tables)
            yield from (metadata.check_result(report, suite, asset) for report in reports)
            if singly and reports:
                yield from check_results(suite, asset, reports)

        try:
            run = running.validate(workspace, run)
        except ValidationFailed:
            yield from results(running.reloaded(workspace, run))
            raise
        yield from results(run)

    return validate


def model(spec: PipelineSpec) -> dg.AssetsDefinition:
    """Return the asset that fits the model."""

    @dg.asset(
        key=key(spec, "model"),
        ins={"processed": _input(spec, "processed")},
        group_name=identifier(spec),
        kinds={"scikitlearn"},
        io_manager_key=VALUES,
    )
    def train(context: dg.AssetExecutionContext, processed: Any, values: dg.ResourceParam[Values]) -> Any:
        """The fitted pipeline on the run's branch."""

        def fitted() -> Any:
            rows = processed()
            return training.fit(spec, rows.frames[names.TRAIN], rows.params, rows.seed)

        return values.made(context, spec, Step.TRAINED, fitted)

    return train


def evaluation(spec: PipelineSpec) -> dg.AssetsDefinition:
    """Return the asset that scores candidate and champion and puts the verdict on record."""
    inputs = {name: _input(spec, name) for name in ("processed", *(["model"] if spec.has_model else []))}

    @dg.asset(
        key=key(spec, "evaluation"),
        ins=inputs,
        group_name=identifier(spec),
        kinds={"python"},
        check_specs=verdict_specs(spec, key(spec, "evaluation")),
    )
    def evaluate(
        context: dg.AssetExecutionContext, values: dg.ResourceParam[Values], **made: Any
    ) -> dg.MaterializeResult:
        """The verdict on the candidate, and what it was computed from."""
        return values.evaluated(context, spec, made["processed"], made.get("model"))

    return evaluate


def promotion(spec: PipelineSpec) -> dg.AssetsDefinition:
    """Return the asset that stands for `main`: materialized by a promotion alone."""

    @dg.asset(
        key=key(spec, "promotion"),
        deps=[key(spec, "evaluation")],
        group_name=identifier(spec),
        kinds={"lakefs", "mlflow"},
        output_required=False,
    )
    def promote(
        context: dg.AssetExecutionContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> Iterator[dg.MaterializeResult]:
        """Data, model and metrics that went to main together; a refused run leaves it as it was."""
        workspace, run = find_run(context, workspaces, spec)
        ended = workspaces.ended = running.promote(workspace, run)
        remember_verdict(context, ended)
        found = metadata.promotion(workspace, ended)
        if ended.merge_commit:
            yield dg.MaterializeResult(metadata=found)
        else:
            context.log_event(dg.AssetObservation(key(spec, "promotion"), metadata=found))

    return promote


def _input(spec: PipelineSpec, name: str) -> dg.AssetIn:
    return dg.AssetIn(key=key(spec, name), input_manager_key=VALUES)
