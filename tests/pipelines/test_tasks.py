"""Tasks: the form of predictions, and the loss of each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, d2_pinball_score, log_loss, mean_pinball_loss, zero_one_loss

from mlops.pipelines.tasks import Classification, Regression, Task
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.evidence import is_metric, metric_of

GENRES = Classification(("edm", "pop", "rock"))


class Answers:
    """A model that gives what it was made with."""

    def __init__(self, given: Any, classes: tuple[str, ...] = GENRES.classes) -> None:
        self.given = given
        self.classes_ = np.array(classes)

    def predict(self, _rows: pd.DataFrame) -> Any:
        return self.given

    def predict_proba(self, _rows: pd.DataFrame) -> Any:
        return self.given


def rows(count: int) -> pd.DataFrame:
    return pd.DataFrame({"x": range(count)})


@pytest.mark.parametrize("task", [Regression(), Regression((0.1, 0.5, 0.9)), Regression((0.2,)), GENRES])
def test_every_loss_of_a_task_can_be_named_by_a_policy(task: Task) -> None:
    assert all(is_metric(metric_of(loss)) for loss in task.losses)
    targets = task.targets(pd.Series(["pop", "edm"] if task is GENRES else [1.0, 2.0], name="y"))
    shape = (2,) if len(task.columns) == 1 else (2, len(task.columns))
    predicted = task.baseline(np.full(shape, 1 / len(task.columns)), 2)
    costs = task.costs(targets, predicted)
    assert tuple(costs) == task.losses
    assert all(values.shape == (2,) and values.dtype == np.float64 for values in costs.values())


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_regression_losses_are_those_of_the_error(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = pd.Series([y for y, _ in pairs]), [p for _, p in pairs]
    costs = Regression().costs(truth, Regression().predict(Answers(predicted), rows(len(pairs))))
    assert costs["absolute_error"].tolist() == [abs(p - y) for y, p in pairs]
    assert costs["squared_error"].tolist() == [(p - y) * (p - y) for y, p in pairs]
    assert costs["signed_error"].tolist() == [p - y for y, p in pairs]


def test_quantiles_cost_their_pinball_loss() -> None:
    task, rng = Regression((0.1, 0.5, 0.9)), np.random.default_rng(3)
    truth, predicted = rng.normal(size=50), np.sort(rng.normal(size=(50, 3)), axis=1)
    costs = task.costs(pd.Series(truth), task.predict(Answers(predicted), rows(50)))
    assert task.columns == ("q10", "q50", "q90")
    for at, quantile in enumerate(task.quantiles):
        found = costs[f"pinball_{task.columns[at][1:]}"].mean()
        assert found == pytest.approx(mean_pinball_loss(truth, predicted[:, at], alpha=quantile))
    mean = np.mean([costs[f"pinball_{percent}"].mean() for percent in (10, 50, 90)])
    assert costs["pinball"].mean() == pytest.approx(mean)
    assert costs["absolute_error"] == pytest.approx(np.abs(predicted[:, 1] - truth))
    assert d2_pinball_score(truth, predicted[:, 1]) < 1


def test_without_the_median_there_is_no_point_prediction() -> None:
    assert Regression((0.9,)).losses == ("pinball", "pinball_90")


@pytest.mark.parametrize("quantiles", [(0.0,), (1.0,), (0.5, 0.1), (0.5, 0.5), (0.123,)])
def test_quantiles_are_ascending_percentages(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="whole percentages"):
        Regression(quantiles)


PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2], [0.0, 1.0, 0.0]])
TRUTH = pd.Series(["edm", "pop", "edm", "rock"], name="genre")


def test_classification_losses_are_those_of_scikit_learn() -> None:
    costs = GENRES.costs(TRUTH, GENRES.predict(Answers(PROBABILITIES), rows(4)))
    labels = list(GENRES.classes)
    sure = np.clip(PROBABILITIES, 1e-15, 1 - 1e-15)
    assert costs["log_loss"].mean() == pytest.approx(log_loss(TRUTH, sure, labels=labels), rel=1e-9)
    brier = brier_score_loss(TRUTH, PROBABILITIES, labels=labels, scale_by_half=False)
    assert costs["brier"].mean() == pytest.approx(brier)
    guessed = [labels[at] for at in PROBABILITIES.argmax(axis=1)]
    assert costs["error_rate"].mean() == pytest.approx(zero_one_loss(TRUTH, guessed))
    assert costs["log_loss"][3] == pytest.approx(-math.log(1e-15))


def test_columns_follow_the_declared_classes_whatever_order_a_model_has() -> None:
    predicted = GENRES.predict(Answers([[0.7, 0.3], [0.2, 0.8]], ("rock", "edm")), rows(2))
    assert predicted.to_dict("list") == {"edm": [0.3, 0.8], "pop": [0.0, 0.0], "rock": [0.7, 0.2]}


def test_a_class_that_nobody_declared_is_named() -> None:
    with pytest.raises(InputError, match=r"2 rows .*'folk', 'jazz'") as raised:
        GENRES.targets(pd.Series(["pop", "jazz", "folk"], name="genre"))
    assert raised.value.where == "genre"
    assert "edm, pop, rock" in raised.value.todo
    with pytest.raises(InputError, match="1 rows"):
        GENRES.targets(pd.Series(["pop", None], name="genre"))
    with pytest.raises(InputError, match="'jazz'"):
        GENRES.predict(Answers(PROBABILITIES, ("edm", "pop", "jazz")), rows(4))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (PROBABILITIES[:, :2], "shape"),
        (PROBABILITIES[:3], "shape"),
        (PROBABILITIES * 2, "above 1"),
        (PROBABILITIES / 2, "add to 1"),
        (np.full((4, 3), "pop"), "no numbers"),
    ],
)
def test_probabilities_of_another_form_are_refused(given: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        GENRES.predict(Answers(given), rows(4))
    with pytest.raises(InputError, match=message):
        GENRES.baseline(given, 4)


@pytest.mark.parametrize("classes", [(), ("one",), ("a", "a"), ("a", "")])
def test_classes_are_at_least_two_different_names(classes: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="at least two"):
        Classification(classes)


def test_what_is_missing_costs_what_no_gate_takes() -> None:
    predicted = pd.DataFrame(PROBABILITIES, columns=list(GENRES.classes))
    predicted.iloc[0, 0] = np.nan
    costs = GENRES.costs(pd.Series(["edm", "jazz", "edm", "rock"]), predicted)
    for values in costs.values():
        assert np.isnan(values).tolist() == [True, True, False, False]
