"""An arrival comes to main whole, and what the suites only warn of is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

from mlops.cli.commands.ingest import MOST_WARNINGS
from mlops.orchestration.runner import Executed
from mlops.pipelines.sources.source import FunctionSource
from mlops.runs import names
from mlops.runs.arrivals.ingest import Ingested
from mlops.runs.errors import InputError
from mlops.steps.arrivals import ingest
from mlops.steps.run import run_all
from mlops.steps.workspace import Workspace
from tests.cli.conftest import PIPELINE, Desk
from tests.orchestration.tiny import SPEC, gate_files, memory_workspace

MONTH = "2020-01"
POINTS = SPEC.source({}).extract(MONTH)["points"]
WEATHER = pd.DataFrame({"day": POINTS["day"].unique(), "rain_mm": 1.5})


def expecting(column: str, most: float, severity: str = "critical") -> dict[str, object]:
    limits = {"column": column, "max_value": most}
    return {"type": "expect_column_values_to_be_between", "kwargs": limits, "severity": severity}


def suite(*expectations: Mapping[str, object]) -> bytes:
    return json.dumps({"name": "raw", "expectations": expectations}).encode()


def two_tables(*, optional: tuple[str, ...] = ()) -> Workspace:
    spec = replace(
        SPEC,
        tables=("points", "weather"),
        table_keys={"points": ("day", "n"), "weather": ("day",)},
        optional_tables=optional,
        source=lambda _options: FunctionSource(lambda: [MONTH], lambda _arrival: {"points": POINTS}),
    )
    weather = {names.suite_path("weather"): suite(expecting("rain_mm", 100))}
    return memory_workspace(spec, {**gate_files(), **weather})


def deliver(workspace: Workspace, **frames: pd.DataFrame) -> Ingested:
    return ingest.deliver(workspace, MONTH, "a file", frames)


def state(workspace: Workspace) -> tuple[str, list[str]]:
    return workspace.lake.head("main"), sorted(workspace.lake.branches(""))


def test_an_arrival_that_lacks_a_table_is_refused_and_nothing_changes() -> None:
    workspace = two_tables()
    before = state(workspace)
    with pytest.raises(InputError, match="has no table weather") as refused:
        deliver(workspace, points=POINTS)
    assert "--file weather=FILE" in refused.value.todo
    assert state(workspace) == before
    with pytest.raises(InputError, match="has no table weather"):
        ingest.ingest_arrival(workspace, MONTH)


def test_a_table_may_be_corrected_alone() -> None:
    workspace = two_tables()
    deliver(workspace, points=POINTS, weather=WEATHER)
    done = deliver(workspace, points=POINTS.iloc[:-1])
    assert done.replaced == (names.raw_path("points", MONTH),)


def test_an_optional_table_may_be_missing() -> None:
    workspace = two_tables(optional=("weather",))
    deliver(workspace, points=POINTS)
    assert state(workspace)[0] != ""
    assert [stat.path for stat in workspace.lake.list("main", names.RAW)] == [names.raw_path("points", MONTH)]


def with_warnings(count: int) -> Workspace:
    warnings = [expecting("x", most, "warning") for most in range(count)]
    own = {names.suite_path("points"): suite(expecting("x", 100), *warnings)}
    return memory_workspace(SPEC, {**gate_files(), **own})


def test_a_warning_has_its_limits_and_its_count_and_does_not_refuse() -> None:
    done = deliver(with_warnings(1), points=POINTS)
    [warning] = done.warnings
    above = len(POINTS.query("x > 0"))
    assert warning == f"points: x values to be between max_value 0: {above} rows"


def test_ingest_prints_warnings_and_where_all_of_them_are(mlops: Desk) -> None:
    workspace = with_warnings(MOST_WARNINGS + 2)
    answer = mlops("ingest", PIPELINE, MONTH, open_workspace=lambda *_: workspace)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert sum(line.startswith("  warning: points: x values to be") for line in lines) == MOST_WARNINGS
    evidence = workspace.lake.commit_of("main").metadata["evidence_commit"]
    assert lines[-1] == f"  all {MOST_WARNINGS + 2} warnings: {workspace.links.validation(evidence)}"


def test_without_warnings_there_is_one_line(mlops: Desk) -> None:
    workspace = with_warnings(0)
    answer = mlops("ingest", PIPELINE, MONTH, open_workspace=lambda *_: workspace)
    assert len(answer.out.splitlines()) == 1


def test_a_run_prints_what_the_suite_of_its_rows_warns_of(mlops: Desk) -> None:
    processed = suite(expecting("y", 1000), expecting("x", 0, "warning"))
    files = {**gate_files(), names.suite_path("processed"): processed}
    workspace = memory_workspace(SPEC, files, *(f"2020-{month:02d}" for month in range(1, 4)))
    answer = mlops(
        "run",
        PIPELINE,
        "--json",
        open_workspace=lambda *_: workspace,
        execute_run=lambda *_, **__: Executed(run_all(workspace, SPEC.parameters({})), ""),
    )
    assert answer.code == 0
    broken = {
        table: len(workspace.frames.read("main", f"processed/{table}.parquet").query("x > 0"))
        for table in ("train", "holdout")
    }
    assert answer.document["warnings"] == [
        f"processed_{table}: x values to be between max_value 0: {count} rows"
        for table, count in broken.items()
    ]
