"""What every pipeline must bring, so that the shared protocol can run it; a missing part is named."""

from __future__ import annotations

import dataclasses
import functools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.adapters import tables
from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.adapters.validation.suites import validate
from mlops.pipelines import PIPELINES, pipeline
from mlops.pipelines.holdout import split
from mlops.pipelines.registry import code_of
from mlops.pipelines.sources.table_files import read_local
from mlops.pipelines.spec import PipelineSpec
from mlops.pipelines.tasks import Ranking
from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError
from mlops.steps.evaluation.score import score
from mlops.steps.repository.gate_agreement import check_holdout_rule, check_policy
from tests.pipelines.conftest import EXPECTATIONS, joined

Rows = Callable[[str], pd.DataFrame]


@pytest.fixture(params=sorted(PIPELINES))
def every(request: pytest.FixtureRequest) -> PipelineSpec:
    return pipeline(request.param)


@pytest.fixture(params=sorted(name for name in PIPELINES if pipeline(name).has_model))
def modelled(request: pytest.FixtureRequest) -> PipelineSpec:
    """Every pipeline with a model."""
    return pipeline(request.param)


@pytest.fixture(params=sorted(name for name in PIPELINES if not pipeline(name).has_model))
def alone(request: pytest.FixtureRequest) -> PipelineSpec:
    """Every pipeline of data alone."""
    return pipeline(request.param)


def test_data_alone_is_judged_by_its_suite(alone: PipelineSpec, rows: Rows) -> None:
    folder, found = EXPECTATIONS / alone.name, rows(alone.name)
    policy = parse_policy((folder / "policy.yaml").read_bytes())
    rule = parse_holdout_rule((folder / "holdout.yaml").read_bytes())
    check_policy(alone, policy, "policy.yaml")
    check_holdout_rule(alone, rule, "holdout.yaml")
    assert (policy.metric, policy.signatures, rule.kind) == ("none", "required", "none")
    assert not found.duplicated(list(alone.key)).any()
    assert found.equals(found.sort_values(list(alone.key), kind="stable", ignore_index=True))


def test_an_unknown_pipeline_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"there are {', '.join(sorted(PIPELINES))}") as raised:
        pipeline("trains")
    assert raised.value.where == "trains"


def test_its_name_is_a_repository(every: PipelineSpec) -> None:
    assert names.check_repository(every.name) == every.name
    assert PIPELINES[every.name].startswith("mlops.pipelines.")
    assert code_of(every).name == PIPELINES[every.name].rpartition(":")[0].rpartition(".")[0]


def test_it_has_a_suite_for_every_table_and_for_the_joined_rows(every: PipelineSpec) -> None:
    folder = EXPECTATIONS / every.name
    assert {path.stem for path in folder.glob("*.json")} == {*every.tables, "processed"}
    for table in (*every.tables, "processed"):
        suite = json.loads((folder / f"{table}.json").read_text())
        assert suite["name"] == table
        assert names.suite_path(table)
        assert len(suite["expectations"]) >= 5


def test_its_policy_and_holdout_rule_can_be_followed(modelled: PipelineSpec) -> None:
    folder = EXPECTATIONS / modelled.name
    policy = parse_policy((folder / "policy.yaml").read_bytes())
    rule = parse_holdout_rule((folder / "holdout.yaml").read_bytes())
    assert {guard.by for guard in policy.guards} <= {"", *modelled.slices}
    assert policy.min_clusters >= 20
    assert rule.kind == "hash" or rule.column


def test_every_raw_column_is_taken_identifies_or_is_excluded_for_a_reason(modelled: PipelineSpec) -> None:
    raw = {
        column
        for frame in modelled.source({}).extract(modelled.source({}).arrivals()[0]).values()
        for column in frame.columns
    }
    taken = {*modelled.model_input, *(column.split("_", 1)[-1] for column in modelled.model_input)}
    assert not set(modelled.model_input) & set(modelled.excluded) - {modelled.target}
    assert raw - taken <= set(modelled.excluded)
    assert all(modelled.excluded.values())
    assert modelled.target in modelled.excluded


def test_its_parameters_are_a_frozen_dataclass_with_defaults(every: PipelineSpec) -> None:
    params = every.parameters({})
    assert params == every.params()
    field = dataclasses.fields(params)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(params, field, None)
    with pytest.raises(ConfigError, match="no such parameter; there are"):
        every.parameters({"n_trees": 3})


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Return the joined rows of the first two arrivals by the name of a pipeline."""
    return functools.cache(
        lambda name: joined(pipeline(name), *pipeline(name).source({}).arrivals()[:2]).rows
    )


def _fitted(spec: PipelineSpec, rows: pd.DataFrame, trees: int = 5) -> Any:
    boosted = any(field.name == "max_iter" for field in dataclasses.fields(spec.params))
    model = spec.model(spec.parameters({"max_iter": trees} if boosted else {}), 7)
    spec.task.fit(spec, model, rows)
    return model


def _predicted(spec: PipelineSpec, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    units = spec.task.units(spec, rows, rows)
    return spec.task.predict(model, units[list(spec.task.unit_input(spec))])


def test_joined_rows_are_unique_and_hold_what_is_declared(modelled: PipelineSpec, rows: Rows) -> None:
    found = rows(modelled.name)
    declared = {*modelled.key, modelled.cluster, modelled.target, *modelled.model_input, *modelled.slices}
    assert declared | ({modelled.time} - {""}) <= set(found.columns)
    assert not found.duplicated(list(modelled.key)).any()
    assert found[[*modelled.key, modelled.cluster, modelled.target]].notna().all(axis=None)
    order = list(dict.fromkeys([*([modelled.time] if modelled.time else []), *modelled.key]))
    assert found[order].equals(found[order].sort_values(order, kind="stable", ignore_index=True))


def test_the_raw_tables_have_the_keys_that_identify_their_rows(every: PipelineSpec) -> None:
    source = every.source({})
    for table, frame in source.extract(source.arrivals()[0]).items():
        assert not frame.duplicated(list(every.table_keys[table])).any(), table


def test_an_arrival_is_the_same_whenever_it_is_extracted(every: PipelineSpec) -> None:
    arrival = every.source({}).arrivals()[1]
    first, again = (every.source({}).extract(arrival) for _ in range(2))
    for table, frame in first.items():
        assert tables.to_parquet(frame) == tables.to_parquet(again[table])


def test_extracted_rows_pass_their_own_parser_after_a_file(every: PipelineSpec, tmp_path: Path) -> None:
    for table, frame in every.source({}).extract(every.source({}).arrivals()[0]).items():
        frame.head(200).to_csv(tmp_path / f"{table}.csv", index=False)
        again = every.parse(table, read_local(tmp_path / f"{table}.csv"))
        # CSV cannot tell an empty text from a missing one.
        assert tables.to_parquet(again) == tables.to_parquet(frame.head(200).replace("", None)), table


def test_an_unknown_table_is_named(every: PipelineSpec) -> None:
    with pytest.raises(InputError, match="no such table") as raised:
        every.parse("airlines", pd.DataFrame())
    assert raised.value.where == "airlines"


def test_the_holdout_rule_leaves_rows_on_both_sides(modelled: PipelineSpec, rows: Rows) -> None:
    rule = parse_holdout_rule((EXPECTATIONS / modelled.name / "holdout.yaml").read_bytes())
    policy = parse_policy((EXPECTATIONS / modelled.name / "policy.yaml").read_bytes())
    check_policy(modelled, policy, "policy.yaml")
    check_holdout_rule(modelled, rule, "holdout.yaml")
    parts = split(rows(modelled.name), rule, modelled)
    assert parts.holdout[modelled.cluster].nunique() >= policy.min_clusters
    key = list(rule.by or modelled.key)
    assert parts.train.merge(parts.holdout, on=key).empty


def test_the_suites_pass_what_the_source_delivers(every: PipelineSpec, rows: Rows) -> None:
    frames = dict(every.source({}).extract(every.source({}).arrivals()[0]))
    for table, frame in {**frames, "processed": rows(every.name)}.items():
        suite = json.loads((EXPECTATIONS / every.name / f"{table}.json").read_text())
        report = validate(table, frame, suite)
        assert report.success, (table, report.failures)
        assert report.run == report.listed


def test_a_fit_follows_from_rows_parameters_and_seed(modelled: PipelineSpec, rows: Rows) -> None:
    found = rows(modelled.name)
    first, again = (_predicted(modelled, _fitted(modelled, found), found) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_a_model_takes_the_declared_input_and_nothing_else(modelled: PipelineSpec, rows: Rows) -> None:
    found = rows(modelled.name)
    given = found[[*modelled.key, modelled.cluster, modelled.target, *modelled.model_input, *modelled.slices]]
    given = given.loc[:, ~given.columns.duplicated()]
    model = _fitted(modelled, given)
    if isinstance(modelled.task, Ranking):
        assert not hasattr(model, "feature_names_in_")
    else:
        assert tuple(model.feature_names_in_) == modelled.model_input
        assert np.isfinite(_predicted(modelled, model, given).to_numpy()).all()
    assert not {*modelled.excluded} & set(modelled.model_input) - {modelled.target}


def test_a_model_beats_the_baseline_on_its_holdout(modelled: PipelineSpec, rows: Rows) -> None:
    rule = parse_holdout_rule((EXPECTATIONS / modelled.name / "holdout.yaml").read_bytes())
    policy = parse_policy((EXPECTATIONS / modelled.name / "policy.yaml").read_bytes())
    parts = split(rows(modelled.name), rule, modelled)
    scored = score(
        modelled,
        parts.holdout,
        candidate=_fitted(modelled, parts.train, trees=40),
        candidate_train=parts.train,
        timed=bool(modelled.time),
        overlap_key=rule.by or modelled.key,
    )
    assert scored.metrics[policy.metric] < scored.metrics[f"baseline_{policy.metric}"]
    assert scored.paired.train_overlap == 0


def test_a_file_that_holds_other_arrivals_is_not_taken_for_one(every: PipelineSpec) -> None:
    """Whatever a pipeline selects of its own arrival is all of it."""
    arrival = every.source({}).arrivals()[0]
    for table, frame in every.source({}).extract(arrival).items():
        assert every.select(arrival, table, frame).equals(frame)


def test_errors_of_a_pipeline_survive_pickling() -> None:
    from mlops.pipelines.holdout import NotEnoughData

    error = pickle.loads(pickle.dumps(NotEnoughData("too few", where="flights")))  # noqa: S301
    assert (type(error), str(error)) == (NotEnoughData, "flights: too few")
