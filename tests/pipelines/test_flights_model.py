"""The model of flights: its parameters, and what it does beyond the rows that it was fitted to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops.pipelines.spec import PipelineSpec
from mlops.runs.errors import ConfigError
from tests.pipelines.conftest import joined


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
