"""Arrivals as a partitioned asset: materializing a partition ingests the arrival of that name.

Several partitions are ingested one after the other in one run, in the order of their names: so a backfill
replays history in order, and what came before an arrival that fails is on `main`. What ``mlops ingest`` has
brought is recorded by `source_sensor` or by the job beside it, which also add partitions for what the source
has newly.
"""

# The annotations of assets name classes that Dagster looks up, so they are evaluated as they stand.

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from mlops.adapters.validation.reports import ValidationReport
from mlops.orchestration.checks.expectations import (
    Report,
    check_results,
    check_specs,
    evaluation_of,
    raw_suites,
    record_results,
    stored_reports,
)
from mlops.orchestration.metadata import arrival as arrival_metadata
from mlops.orchestration.metadata import check_name, check_result
from mlops.orchestration.names import identifier, key
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines.spec import SHORTEST_INTERVAL, PipelineSpec
from mlops.runs import names
from mlops.runs.errors import MlopsError, ValidationFailed
from mlops.runs.main.state import kind_of, lineage
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Kind
from mlops.steps.arrivals.ingest import ingest_arrival
from mlops.steps.workspace import Workspace

INTERVAL_S = 60
#: Recorded in one evaluation of the sensor, at most: each is an event of several milliseconds.
_MOST_RECORDED = 500
_DATA_VERSION_TAG = "dagster/data_version"


def partitions(spec: PipelineSpec) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a pipeline's arrivals."""
    return dg.DynamicPartitionsDefinition(name=f"{identifier(spec)}_arrivals")


def arrivals(spec: PipelineSpec) -> dg.AssetsDefinition:
    """Return the asset of the arrivals on `main`, with a check for each expectation of their tables."""
    asset, suites = key(spec, "arrivals"), raw_suites(spec)
    tables = [
        dg.AssetCheckSpec(
            check_name(table),
            asset=asset,
            blocking=True,
            description=f"Every expectation of gate/suites/{table}.json on the arrival",
        )
        for table in spec.tables
    ]

    @dg.multi_asset(
        name=f"{identifier(spec)}__ingest",
        specs=[
            dg.AssetSpec(
                asset,
                group_name=identifier(spec),
                kinds={"lakefs"},
                skippable=True,
                description="Arrivals that are on main, validated by the suites there.",
                freshness_policy=freshness(spec),
            )
        ],
        check_specs=[*tables, *(check for suite in suites for check in check_specs(suite, asset))],
        partitions_def=partitions(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def ingest(
        context: dg.AssetExecutionContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        workspace = workspaces.of(spec.name, context.log.info)
        earlier: list[dg.AssetCheckResult] = []
        for name in sorted(context.partition_keys):
            # A check has one result in a run: that of the last arrival. Those before are recorded beside it.
            record_results(context.instance, earlier)
            reports: list[ValidationReport] = []
            try:
                ingest_arrival(workspace, name, validated=reports.extend)
            except ValidationFailed:
                yield from map(evaluation_of, _results(spec, name, _as_stored(reports)))
                raise
            commit = _ingest_of(workspace.lake, name)
            yield _materialization(workspace, name, commit)
            earlier = _results(spec, name, _as_stored(reports) or _reports_of(workspace, commit))
        yield from map(evaluation_of, earlier)

    return ingest


def freshness(spec: PipelineSpec) -> dg.FreshnessPolicy | None:
    """Return the policy by which Dagster shows that an arrival is due; None without an interval."""
    due = spec.arrival_interval
    if due is None or due < SHORTEST_INTERVAL:
        return None  # `mlops check` reports the latter; definitions load all the same
    return dg.FreshnessPolicy.time_window(fail_window=2 * due, warn_window=due)


def source_sensor(spec: PipelineSpec) -> dg.SensorDefinition:
    """Return the sensor that adds partitions for new arrivals and records those that came to `main`."""

    @dg.sensor(
        name=f"{identifier(spec)}_source",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Adds partitions for arrivals that the source has newly; records what main holds.",
    )
    def on_source(
        context: dg.SensorEvaluationContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            workspace = workspaces.fresh(spec.name)
            added = _new_partitions(workspace, context.instance)
            head = workspace.lake.head(names.MAIN)
            events = [] if head == context.cursor else list(_unrecorded(workspace, context.instance))
        except MlopsError as error:
            if not error.retryable:
                raise
            return dg.SkipReason(str(error))
        requests = [partitions(spec).build_add_request(added)] if added else []
        return dg.SensorResult(
            dynamic_partitions_requests=requests,
            asset_events=events,
            cursor=head if len(events) < _MOST_RECORDED else None,
            skip_reason=None if added or events else dg.SkipReason("the source and main have nothing new"),
        )

    return on_source


def listing_job(spec: PipelineSpec) -> dg.JobDefinition:
    """Return the job that does once what the sensor does again and again."""

    @dg.op(name=f"{identifier(spec)}__list_arrivals")
    def list_arrivals(context: dg.OpExecutionContext, workspaces: dg.ResourceParam[Workspaces]) -> None:
        workspace = workspaces.of(spec.name, context.log.info)
        if added := _new_partitions(workspace, context.instance):
            context.instance.add_dynamic_partitions(str(partitions(spec).name), added)
        for event in _unrecorded(workspace, context.instance):
            context.log_event(event)

    @dg.job(
        name=f"{identifier(spec)}_list_arrivals",
        description="Adds partitions for arrivals that the source has newly; records what main holds.",
        executor_def=dg.in_process_executor,
    )
    def list_all() -> None:
        list_arrivals()

    return list_all


def _results(spec: PipelineSpec, name: str, reports: Sequence[Report]) -> list[dg.AssetCheckResult]:
    """Return the results of all checks of an arrival; each description begins with its name."""
    asset, suites = key(spec, "arrivals"), {suite.tables[0]: suite for suite in raw_suites(spec)}
    of_tables = [check_result(report, suites[report["table"]], asset) for report in reports]
    found = [
        each
        for table, suite in suites.items()
        # An optional table may be missing from an arrival: nothing was judged then.
        if any(report["table"] == table for report in reports)
        for each in check_results(suite, asset, reports)
    ]
    return [
        each._replace(
            description=f"{name}: {each.description}", metadata={"arrival": name, **(each.metadata or {})}
        )
        for each in [*of_tables, *found]
    ]


def _new_partitions(workspace: Workspace, instance: dg.DagsterInstance) -> list[str]:
    """Return the arrivals of the source and of `main` that have no partition yet, ascending."""
    known = set(instance.get_dynamic_partitions(str(partitions(workspace.spec).name)))
    return sorted({*workspace.source.arrivals(), *_ingests(workspace.lake)} - known)


def _unrecorded(workspace: Workspace, instance: dg.DagsterInstance) -> Iterator[dg.AssetMaterialization]:
    """Yield the arrivals on `main` whose newest ingest is not in Dagster, the oldest first."""
    asset, recorded = key(workspace.spec, "arrivals"), 0
    for name, commit in sorted(_ingests(workspace.lake).items()):
        wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[name])
        newest = instance.fetch_materializations(wanted, limit=1).records
        found = newest[0].asset_materialization if newest else None
        if found is None or found.metadata["commit"].value != commit.id:
            yield _materialization(workspace, name, commit)
            recorded += 1
        if recorded == _MOST_RECORDED:
            return


def _ingests(lake: Lake) -> dict[str, Commit]:
    """Return each arrival in the history of `main` with the commit that ingested it last."""
    found: dict[str, Commit] = {}
    for name, commit in _ingests_newest_first(lake):
        found.setdefault(name, commit)
    return found


def _ingest_of(lake: Lake, name: str) -> Commit:
    return next(commit for arrival, commit in _ingests_newest_first(lake) if arrival == name)


def _ingests_newest_first(lake: Lake) -> Iterator[tuple[str, Commit]]:
    for commit in lineage(lake, lake.head(names.MAIN)):
        if kind_of(commit) is Kind.INGEST:
            yield commit.metadata.get("arrival", ""), commit


def _as_stored(reports: Sequence[ValidationReport]) -> list[Report]:
    return [report.to_json() for report in reports]


def _reports_of(workspace: Workspace, commit: Commit) -> list[Report]:
    evidence = commit.metadata.get("evidence_commit", "")
    try:
        return stored_reports(workspace.lake, evidence, workspace.spec.tables)
    except MlopsError:
        return []  # swept, or from before evidence was kept


def _materialization(workspace: Workspace, name: str, commit: Commit) -> dg.AssetMaterialization:
    metadata: dict[str, Any] = arrival_metadata(workspace, name, commit)
    return dg.AssetMaterialization(
        key(workspace.spec, "arrivals"),
        partition=name,
        metadata=metadata,
        tags={_DATA_VERSION_TAG: str(metadata["digest"])},
    )
