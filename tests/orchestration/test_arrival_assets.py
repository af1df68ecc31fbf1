"""Arrivals as partitions: ingested in order, recorded with their pages, found in the source and on `main`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from mlops.orchestration.building import build
from mlops.orchestration.checks import expectations as expectation_checks
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines.sources import FunctionSource
from mlops.runs import names
from mlops.runs.errors import LakeUnavailable
from mlops.steps.workspace import Workspace
from tests.orchestration.test_runner import QUIET
from tests.orchestration.tiny import SPEC, arrive, gate_files, tiny_workspace

ASSET = dg.AssetKey(["tiny-line", "arrivals"])
PARTITIONS = "tiny_line_arrivals"
NOT_NULL = "points_expect_column_values_to_not_be_null_x"
MONTHS = ["2020-01", "2020-02", "2020-03"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as opened:
        yield opened


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline ships the suite of its raw table that `main` has."""
    (tmp_path / "points.json").write_bytes(gate_files()[names.suite_path("points")])
    monkeypatch.setattr(expectation_checks, "expectations", lambda _name: tmp_path)


def definitions(workspace: Workspace) -> dg.Definitions:
    return build(SPEC, Workspaces(lambda _name, _tell: workspace))


def backfilled(
    instance: dg.DagsterInstance, workspace: Workspace, first: str, last: str
) -> dg.ExecuteInProcessResult:
    """Return the end of the one run of a backfill from a first to a last partition."""
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    job = definitions(workspace).resolve_job_def("tiny_line_ingest")
    return job.execute_in_process(run_config=QUIET, instance=instance, tags=tags, raise_on_error=False)


def recorded(instance: dg.DagsterInstance) -> dict[str, dict[str, Any]]:
    """Return partition to metadata of the materializations, oldest first."""
    found = instance.fetch_materializations(ASSET, limit=100, ascending=True).records
    events = [record.asset_materialization for record in found]
    return {
        str(event.partition): {name: entry.value for name, entry in event.metadata.items()}
        for event in events
        if event
    }


def ingested(workspace: Workspace) -> list[str]:
    commits = [commit.metadata for commit in workspace.lake.log("main")]
    return [found["arrival"] for found in reversed(commits) if found.get("kind") == "ingest"]


def evaluated(workspace: Workspace, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    sensor = definitions(workspace).resolve_sensor_def("tiny_line_source")
    resources = {"workspaces": Workspaces(lambda _name, _tell: workspace)}
    with dg.build_sensor_context(instance, cursor=cursor, resources=resources) as context:
        return sensor.evaluate_tick(context)


def test_a_backfill_replays_history_in_order_in_one_run(instance: dg.DagsterInstance) -> None:
    workspace = tiny_workspace()
    # Partitions are kept in the order in which they were added.
    instance.add_dynamic_partitions(PARTITIONS, ["2020-03", "2020-01", "2020-02"])
    done = backfilled(instance, workspace, "2020-03", "2020-02")

    assert done.success
    assert ingested(workspace) == MONTHS
    shown = recorded(instance)
    assert list(shown) == MONTHS
    commits = {c.metadata.get("arrival"): c for c in workspace.lake.log("main")}
    for name, facts in shown.items():
        evidence = commits[name].metadata["evidence_commit"]
        assert facts["commit"] == commits[name].id
        assert facts["evidence commit"] == evidence
        assert facts["source"] == f"source:tiny-line/{name}"
        assert facts["validation"] == "points 1 of 1"
        assert facts["page: validation"] == workspace.links.validation(evidence)
        assert facts["page: rows of points"].endswith(f"path=raw%2Fpoints%2F{name}.parquet")
        assert (facts["dagster/row_count"], facts["rows of points"]) == (100, 100)
        assert len(facts["digest"]) == 64
    assert len({facts["digest"] for facts in shown.values()}) == 3
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    assert checks.keys() == {"points_rows_meet_expectations", NOT_NULL}
    assert checks[NOT_NULL].description == "2020-03: holds"


def test_an_arrival_that_fails_stops_the_backfill_after_those_before_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_workspace()

    def broken_in_march(arrival: str) -> dict[str, pd.DataFrame]:
        points = SPEC.source({}).extract(arrival)["points"]
        return {
            "points": points.assign(x=points["x"].where(points["n"] > 0)) if arrival == MONTHS[2] else points
        }

    monkeypatch.setitem(vars(workspace), "source", FunctionSource(lambda: MONTHS, broken_in_march))
    instance.add_dynamic_partitions(PARTITIONS, MONTHS)
    done = backfilled(instance, workspace, "2020-01", "2020-03")

    assert not done.success
    assert ingested(workspace) == ["2020-01", "2020-02"]
    assert list(recorded(instance)) == ["2020-01", "2020-02"]
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    table = checks["points_rows_meet_expectations"]
    assert (table.passed, table.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert table.description == "2020-03: expect_column_values_to_not_be_null(x)"
    broken = checks[NOT_NULL]
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert broken.description == "2020-03: points: 25 rows"
    assert broken.metadata["broken rows"].value == 25


def test_checks_of_all_arrivals_of_a_backfill_are_in_the_history(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(PARTITIONS, MONTHS)
    backfilled(instance, tiny_workspace(), "2020-01", "2020-03")
    key = dg.AssetCheckKey(ASSET, NOT_NULL)
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    said = [str(record.evaluation.description) for record in history if record.evaluation]
    assert sorted(said) == [f"{name}: holds" for name in MONTHS]


def test_what_is_on_main_already_is_recorded_as_it_came_there(instance: dg.DagsterInstance) -> None:
    workspace = tiny_workspace("2020-01")
    head = workspace.lake.head("main")
    instance.add_dynamic_partitions(PARTITIONS, MONTHS)
    done = backfilled(instance, workspace, "2020-01", "2020-01")

    assert done.success
    assert workspace.lake.head("main") == head
    assert recorded(instance)["2020-01"]["commit"] == head
    assert {check.check_name for check in done.get_asset_check_evaluations() if check.passed} == {
        "points_rows_meet_expectations",
        NOT_NULL,
    }


def test_the_sensor_adds_what_the_source_has_and_records_what_main_holds(
    instance: dg.DagsterInstance,
) -> None:
    workspace = tiny_workspace("2020-02", "2020-01")
    found = evaluated(workspace, instance)
    (added,) = found.dynamic_partitions_requests
    assert (added.partitions_def_name, list(added.partition_keys)) == (
        PARTITIONS, [f"2020-{month:02d}" for month in range(1, 13)]
    )  # fmt: skip
    assert [event.partition for event in found.asset_events] == ["2020-01", "2020-02"]
    assert found.asset_events[0].metadata["page: validation"].value

    instance.add_dynamic_partitions(PARTITIONS, list(added.partition_keys))
    for event in found.asset_events:
        instance.report_runless_asset_event(event)
    for cursor in (None, found.cursor):
        again = evaluated(workspace, instance, cursor)
        assert (list(again.dynamic_partitions_requests or []), list(again.asset_events)) == ([], [])
    arrive(workspace, "2020-03")
    later = evaluated(workspace, instance, found.cursor)
    assert [event.partition for event in later.asset_events] == ["2020-03"]


def test_an_arrival_that_is_on_main_alone_is_a_partition_too(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_workspace("2020-01")
    monkeypatch.setitem(vars(workspace), "source", FunctionSource(lambda: ["2020-05"], lambda _name: {}))
    (added,) = evaluated(workspace, instance).dynamic_partitions_requests
    assert list(added.partition_keys) == ["2020-01", "2020-05"]


def test_the_job_does_the_same_without_a_daemon(instance: dg.DagsterInstance) -> None:
    workspace = tiny_workspace("2020-01")
    job = definitions(workspace).resolve_job_def("tiny_line_list_arrivals")
    for _ in range(2):
        assert job.execute_in_process(run_config=QUIET, instance=instance).success
    assert len(instance.get_dynamic_partitions(PARTITIONS)) == 12
    assert len(instance.fetch_materializations(ASSET, limit=100).records) == 1


def test_a_lake_that_is_down_is_asked_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_workspace("2020-01")

    def broken(_branch: str) -> str:
        raise LakeUnavailable("no answer")

    monkeypatch.setattr(workspace.lake, "head", broken)
    assert "no answer" in str(evaluated(workspace, instance).skip_message)
