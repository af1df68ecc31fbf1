"""What Dagster is told: the same shape for every pipeline, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from mlops.orchestration.building import build, job_name
from mlops.orchestration.checks import expectations as expectation_checks
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines import PIPELINES, pipeline
from mlops.steps.repository.shipped_files import expectations
from tests.orchestration.tiny import SPEC

CHECKS = {"train_rows_meet_expectations", "holdout_rows_meet_expectations"}


def _never(_pipeline: str, _tell: object) -> object:
    raise AssertionError("a workspace was opened by loading definitions")


@pytest.fixture(scope="module")
def tiny() -> dg.Definitions:
    return build(SPEC, Workspaces(_never))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def everything() -> dg.Definitions:
    from mlops.orchestration.definitions import defs

    return defs


def test_every_pipeline_has_assets_job_and_sensor(everything: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(everything)
    keys = {key.to_user_string() for key in everything.resolve_asset_graph().get_all_asset_keys()}
    steps = ("arrivals", "raw", "processed", "model", "evaluation", "promotion")
    expected = {f"{name}/{step}" for name in PIPELINES for step in steps}
    assert keys == expected - {f"{name}/model" for name in PIPELINES if not pipeline(name).has_model}
    for name in PIPELINES:
        # Dagster's names have no hyphens.
        plain = name.replace("-", "_")
        assert job_name(pipeline(name)) == f"{plain}_run"
        assert everything.resolve_job_def(f"{plain}_run").name == f"{plain}_run"
        assert everything.resolve_sensor_def(f"{plain}_arrivals").job_name == f"{plain}_run"


def test_pipelines_do_not_collide(everything: dg.Definitions, tiny: dg.Definitions) -> None:
    both = dg.Definitions.merge(build(SPEC), dg.Definitions(assets=[]))
    dg.Definitions.validate_loadable(both)


def test_assets_follow_each_other(tiny: dg.Definitions) -> None:
    graph = tiny.resolve_asset_graph()
    edges = {
        (parent.path[-1], key.path[-1])
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    assert edges == {
        ("arrivals", "raw"),
        ("raw", "processed"),
        ("processed", "model"),
        ("processed", "evaluation"),
        ("model", "evaluation"),
        ("evaluation", "promotion"),
    }


def test_suites_are_blocking_checks_of_raw_and_processed_rows(tiny: dg.Definitions) -> None:
    graph = tiny.resolve_asset_graph()
    checks = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}
    blocking = {name: spec for name, spec in checks.items() if spec.blocking}
    assert {name: spec.asset_key.to_user_string() for name, spec in blocking.items()} == {
        **dict.fromkeys(CHECKS, "tiny-line/processed"),
        "points_rows_meet_expectations": "tiny-line/arrivals",
    }


def test_the_verdict_and_each_guard_are_checks_of_the_evaluation(everything: dg.Definitions) -> None:
    graph = everything.resolve_asset_graph()
    found: dict[str, set[str]] = {}
    for key in graph.asset_check_keys:
        if not graph.get_check_spec(key).blocking:
            found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert found["flights/evaluation"] == {
        *("beats_champion", "guard_rmse", "guard_bias", "guard_mae_by_origin")
    }
    with_model = {f"{name}/evaluation" for name in PIPELINES if pipeline(name).has_model}
    assert {key for key in found if key.endswith("/evaluation")} == with_model
    assert all("beats_champion" in found[key] for key in with_model)


def test_each_shipped_expectation_is_a_check_and_blocks_by_its_severity(everything: dg.Definitions) -> None:
    graph = everything.resolve_asset_graph()
    for name in PIPELINES:
        for asset, suites in (("processed", ["processed"]), ("arrivals", pipeline(name).tables)):
            documents = [
                json.loads(expectations(name).joinpath(f"{suite}.json").read_text("utf-8"))
                for suite in suites
            ]
            listed = [
                entry.get("severity", "critical") == "critical"
                for document in documents
                for entry in document["expectations"]
            ]
            keys = [key for key in graph.asset_check_keys if key.asset_key.path == [name, asset]]
            single = [graph.get_check_spec(key).blocking for key in keys if "expect_" in key.name]
            assert sorted(single) == sorted(listed)


def test_columns_that_differ_in_odd_characters_alone_have_checks_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ["a b", "a.b", "größe", "gr..e", "a b"]
    entries = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}} for name in columns
    ]
    (tmp_path / "processed.json").write_text(json.dumps({"expectations": entries}))
    monkeypatch.setattr(expectation_checks, "expectations", lambda _name: tmp_path)
    found = build(SPEC, Workspaces(_never)).resolve_asset_graph().asset_check_keys  # type: ignore[arg-type]
    assert len([key for key in found if key.name.startswith("expect_")]) == len(columns)


def test_the_job_takes_model_parameters_and_nothing_else(tiny: dg.Definitions) -> None:
    schema = tiny.resolve_job_def("tiny_line_run").run_config_schema
    fields = schema.config_type.fields["ops"].config_type.fields  # type: ignore[attr-defined]
    configured = {op: field.config_type.fields["config"] for op, field in fields.items() if _takes(field)}
    assert list(configured) == ["tiny_line__raw"]
    params = configured["tiny_line__raw"].config_type.fields
    assert {name: field.default_value for name, field in params.items()} == {
        "shrinkage": 0.0,
        "intercept": True,
    }
    assert params["shrinkage"].description == "How much flatter than the points the line is, at least 0."


def _takes(field: dg.Field) -> bool:
    config = field.config_type.fields.get("config")  # type: ignore[attr-defined]
    return config is not None and bool(getattr(config.config_type, "fields", None))


@pytest.mark.parametrize("config", [{"seed": 3}, {"shrinkage": "much"}, {"holdout": "2020-01"}])
def test_other_keys_and_types_are_refused(tiny: dg.Definitions, config: dict[str, object]) -> None:
    run_config = {"ops": {"tiny_line__raw": {"config": config}}}
    job = tiny.resolve_job_def("tiny_line_run")
    with pytest.raises(dg.DagsterInvalidConfigError, match=next(iter(config))):
        dg.validate_run_config(job, run_config)


def test_defaults_need_no_config(tiny: dg.Definitions) -> None:
    assert dg.validate_run_config(tiny.resolve_job_def("tiny_line_run"), {})


def test_a_selection_written_as_text_is_understood(tiny: dg.Definitions) -> None:
    # A package that pins another version of the grammar's runtime would break this.
    selected = dg.AssetSelection.from_string('1+key:"tiny-line/model"').resolve(tiny.resolve_asset_graph())
    assert {key.path[-1] for key in selected} == {"processed", "model"}


def test_arrivals_are_partitions_that_one_run_ingests(everything: dg.Definitions) -> None:
    graph = everything.resolve_asset_graph()
    for name in PIPELINES:
        node = graph.get(dg.AssetKey([name, "arrivals"]))
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)
        assert node.partitions_def.name == f"{name.replace('-', '_')}_arrivals"
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        interval = pipeline(name).arrival_interval
        expected = dg.FreshnessPolicy.time_window(2 * interval, interval) if interval else None
        assert node.freshness_policy == expected
    assert pipeline("flights").arrival_interval is not None


def test_the_sensor_waits_to_be_switched_on(tiny: dg.Definitions) -> None:
    sensor = tiny.resolve_sensor_def("tiny_line_arrivals")
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
