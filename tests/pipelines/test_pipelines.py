"""What every pipeline must bring, so that the shared protocol can run it; a missing part is named."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pandas as pd
import pytest

from mlops.adapters.policy.files import parse_holdout_rule, parse_policy
from mlops.pipelines import PIPELINES, pipeline
from mlops.pipelines.registry import code_of
from mlops.pipelines.spec import PipelineSpec
from mlops.runs import names
from mlops.runs.errors import ConfigError
from tests.pipelines.conftest import EXPECTATIONS, joined


@pytest.fixture(params=sorted(PIPELINES))
def every(request: pytest.FixtureRequest) -> PipelineSpec:
    return pipeline(request.param)


def test_an_unknown_pipeline_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="there is flights") as raised:
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


def test_its_policy_and_holdout_rule_can_be_followed(every: PipelineSpec) -> None:
    folder = EXPECTATIONS / every.name
    policy = parse_policy((folder / "policy.yaml").read_bytes())
    rule = parse_holdout_rule((folder / "holdout.yaml").read_bytes())
    assert {guard.by for guard in policy.guards} <= {"", *every.slices}
    assert policy.min_clusters >= 20
    assert rule.kind == "hash" or rule.column


def test_every_raw_column_is_taken_identifies_or_is_excluded_for_a_reason(every: PipelineSpec) -> None:
    raw = {
        column
        for frame in every.source({}).extract(every.source({}).arrivals()[0]).values()
        for column in frame.columns
    }
    taken = {*every.model_input, *(column.split("_", 1)[-1] for column in every.model_input)}
    assert not set(every.model_input) & set(every.excluded)
    assert raw - taken <= set(every.excluded)
    assert all(every.excluded.values())
    assert every.target in every.excluded


def test_its_parameters_are_a_frozen_dataclass_with_defaults(every: PipelineSpec) -> None:
    params = every.parameters({})
    assert params == every.params()
    field = dataclasses.fields(params)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(params, field, None)
    with pytest.raises(ConfigError, match="no such parameter; there are"):
        every.parameters({"n_trees": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_iter": "10"}, "must be int"),
        ({"max_iter": 1.5}, "must be int"),
        ({"max_iter": True}, "must be int"),
        ({"max_iter": 0}, "1 to 1000"),
        ({"learning_rate": 0}, "above 0"),
        ({"learning_rate": float("nan")}, "above 0"),
        ({"max_leaf_nodes": 1}, "2 to 255"),
        ({"min_samples_leaf": 0}, "at least 1"),
        ({"l2_regularization": float("inf")}, "finite"),
        ({"loss": "huber"}, "absolute_error, squared_error"),
    ],
)
def test_a_wrong_parameter_is_named(spec: PipelineSpec, values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        spec.parameters(values)
    assert raised.value.where == next(iter(values))


def test_a_whole_number_will_do_for_a_real_one(spec: PipelineSpec) -> None:
    assert spec.parameters({"learning_rate": 1}).learning_rate == 1.0


@pytest.fixture(scope="module")
def rows(spec: PipelineSpec) -> pd.DataFrame:
    return joined(spec, "2013-03").rows


def _fitted(spec: PipelineSpec, rows: pd.DataFrame, **params: object):
    model = spec.model(spec.parameters({"max_iter": 5, **params}), 7)
    return model.fit(rows[list(spec.model_input)], rows[spec.target])


def test_a_fit_follows_from_rows_parameters_and_seed(spec: PipelineSpec, rows: pd.DataFrame) -> None:
    first, again = (_fitted(spec, rows).predict(rows[list(spec.model_input)]) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_a_model_takes_the_declared_input_and_nothing_else(spec: PipelineSpec, rows: pd.DataFrame) -> None:
    model = _fitted(spec, rows)
    assert tuple(model.feature_names_in_) == spec.model_input
    assert np.isfinite(model.predict(rows[list(spec.model_input)])).all()
    assert not {"arr_time", "air_time", "arr_delay"} & set(spec.model_input)


def test_a_model_beats_the_departure_delay(spec: PipelineSpec, rows: pd.DataFrame) -> None:
    model = _fitted(spec, rows, max_iter=20)
    error = (model.predict(rows[list(spec.model_input)]) - rows[spec.target]).abs().mean()
    assert error < (spec.baseline(rows, rows) - rows[spec.target]).abs().mean()


def test_airports_and_carriers_that_training_never_saw_are_predicted(
    spec: PipelineSpec, rows: pd.DataFrame
) -> None:
    model = _fitted(spec, rows)
    strange = rows[list(spec.model_input)].head(3).assign(dest="XXX", carrier="ZZ")
    assert np.isfinite(model.predict(strange)).all()


def test_the_longest_delays_are_followed_beyond_the_training_rows(
    spec: PipelineSpec, rows: pd.DataFrame
) -> None:
    model = _fitted(spec, rows)
    late = rows[list(spec.model_input)].head(1).assign(dep_delay=2000.0)
    assert model.predict(late)[0] > 1900


def test_errors_of_a_pipeline_survive_pickling() -> None:
    from mlops.pipelines.holdout import NotEnoughData

    error = pickle.loads(pickle.dumps(NotEnoughData("too few", where="flights")))  # noqa: S301
    assert (type(error), str(error)) == (NotEnoughData, "flights: too few")
