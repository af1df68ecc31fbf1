"""Each expectation is an asset check: what it says of the rows, what it stops, and where suites differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops.orchestration.building import build
from mlops.orchestration.checks import expectations as expectation_checks
from mlops.orchestration.runner import execute_run, report_checks
from mlops.orchestration.workspaces import Workspaces
from mlops.runs.errors import ValidationFailed
from mlops.steps.workspace import Workspace
from tests.orchestration.test_runner import QUIET, events, last_run, materialized
from tests.orchestration.tiny import SPEC, SUITE, tiny_workspace

NOT_NULL, BETWEEN, WARNS = SUITE["expectations"]
X_NOT_NULL = "expect_column_values_to_not_be_null_x"
X_BETWEEN = "expect_column_values_to_be_between_x"
X_WARNS = "expect_column_values_to_be_between_x_2"
TRAIN = "train_rows_meet_expectations"
ASSET = dg.AssetKey(["tiny-line", "processed"])

Suite = Mapping[str, Any]
Ship = Callable[[Suite], None]


def suite(*entries: Mapping[str, Any]) -> Suite:
    return {"name": "points", "expectations": list(entries)}


def limited(entry: Mapping[str, Any], **limits: float) -> dict[str, Any]:
    return {**entry, "kwargs": {"column": "x", **limits}}


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ship:
    """Returns what makes a suite the one that the pipeline ships for its processed rows."""
    monkeypatch.setattr(expectation_checks, "expectations", lambda _name: tmp_path)
    return lambda document: _written(tmp_path / "processed.json", document)


def _written(file: Path, document: Suite) -> None:
    file.write_text(json.dumps(document), encoding="utf-8")


def launched(
    instance: dg.DagsterInstance, workspace: Workspace
) -> tuple[dg.ExecuteInProcessResult, dict[str, dg.AssetCheckEvaluation]]:
    """Return the end of a run as the pages launch it, and its checks by name."""
    job = build(SPEC, Workspaces(lambda _name, _tell: workspace)).resolve_job_def("tiny_line_run")
    done = job.execute_in_process(run_config=QUIET, instance=instance, raise_on_error=False)
    return done, {check.check_name: check for check in done.get_asset_check_evaluations()}


def values(check: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: entry.value for name, entry in check.metadata.items()}


def test_a_check_tells_severity_limits_counts_and_a_few_broken_rows(
    instance: dg.DagsterInstance, ship: Ship
) -> None:
    document = suite(NOT_NULL, BETWEEN, limited(WARNS, max_value=3))
    ship(document)
    done, checks = launched(instance, tiny_workspace("2020-01", "2020-02", suite=document))

    assert done.success
    assert checks[X_NOT_NULL].passed
    assert (
        values(checks[X_NOT_NULL])["observed"]
        == "processed_train: as expected; processed_holdout: as expected"
    )
    warned, shown = checks[X_WARNS], values(checks[X_WARNS])
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.description == "processed_train: 50 rows; processed_holdout: 50 rows"
    assert (shown["severity"], shown["expects"]) == ("warning", "x values to be between max_value 3")
    assert (shown["rows"], shown["broken rows"]) == (200, 100)
    assert len(shown["examples"]) == expectation_checks.MAX_EXAMPLES
    assert {"table", "row", "day", "n", "x"} == shown["examples"][0].keys()
    assert shown["examples"][0]["x"] > 3
    assert "differs from the shipped suite" not in values(checks[TRAIN])


def test_an_expectation_that_blocks_fails_as_an_error_before_anything_is_trained(
    instance: dg.DagsterInstance, ship: Ship
) -> None:
    document = suite(NOT_NULL, limited(BETWEEN, max_value=3))
    ship(document)
    done, checks = launched(instance, tiny_workspace("2020-01", "2020-02", suite=document))

    assert not done.success
    assert list(materialized(instance, done.run_id)) == ["raw", "processed"]
    assert checks[X_NOT_NULL].passed
    assert (checks[X_BETWEEN].passed, checks[X_BETWEEN].severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_what_differs_between_main_and_the_shipped_suite_is_told(
    instance: dg.DagsterInstance, ship: Ship
) -> None:
    ship(suite(NOT_NULL, BETWEEN))
    extra = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "y"}}
    on_main = suite(limited(BETWEEN, min_value=0, max_value=20), extra)
    done, checks = launched(instance, tiny_workspace("2020-01", "2020-02", suite=on_main))

    assert done.success
    gone = checks[X_NOT_NULL]
    assert (gone.passed, gone.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert gone.description == "not run: the suite on main does not have this expectation"
    changed = values(checks[X_BETWEEN])
    assert changed["expects"] == "x values to be between min_value 0, max_value 20"
    assert changed["shipped suite expects"] == "x values to be between min_value 0, max_value 10"
    assert checks.keys() == {
        X_NOT_NULL, X_BETWEEN, TRAIN, "holdout_rows_meet_expectations", "beats_champion"
    }  # fmt: skip
    assert checks[TRAIN].passed
    assert values(checks[TRAIN])["differs from the shipped suite"] == [
        "only on main: y values to not be null",
        "no longer on main: x values to not be null",
        "on main: x values to be between min_value 0, max_value 20; "
        "shipped: x values to be between min_value 0, max_value 10",
    ]
    assert "The suite on main is not the shipped one" in (checks[TRAIN].description or "")


def test_main_blocks_although_the_shipped_suite_only_warns(instance: dg.DagsterInstance, ship: Ship) -> None:
    strict = limited(BETWEEN, max_value=3)
    ship(suite({**strict, "severity": "warning"}))
    done, checks = launched(instance, tiny_workspace("2020-01", "2020-02", suite=suite(strict)))

    assert not done.success
    assert checks[X_BETWEEN].severity is dg.AssetCheckSeverity.ERROR
    assert "model" not in materialized(instance, done.run_id)


def test_a_run_of_the_command_line_reports_them_when_it_has_ended(
    instance: dg.DagsterInstance, state_dir: Path, ship: Ship
) -> None:
    document = suite(NOT_NULL, limited(WARNS, max_value=3))
    ship(document)
    workspace = tiny_workspace("2020-01", "2020-02", suite=document)
    done = execute_run(workspace, {}, state_dir=state_dir)
    inside = events(instance, done.dagster_run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert not [e for e in inside if e.event_specific_data.check_name.startswith("expect_")]

    report_checks(state_dir, workspace, done.promotion)

    assert newest(instance) == {X_NOT_NULL: True, X_BETWEEN: False}


def test_a_run_that_an_expectation_stopped_reports_them_too(
    instance: dg.DagsterInstance, state_dir: Path, ship: Ship
) -> None:
    document = suite(limited(NOT_NULL), limited(BETWEEN, max_value=3))
    ship(document)
    with pytest.raises(ValidationFailed):
        execute_run(tiny_workspace("2020-01", "2020-02", suite=document), {}, state_dir=state_dir)
    assert last_run(instance).status is dg.DagsterRunStatus.FAILURE
    assert newest(instance) == {X_NOT_NULL: True, X_BETWEEN: False}


def newest(instance: dg.DagsterInstance) -> dict[str, bool]:
    keys = [dg.AssetCheckKey(ASSET, name) for name in (X_NOT_NULL, X_BETWEEN)]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {key.name: record.evaluation.passed for key, record in found.items() if record.evaluation}
