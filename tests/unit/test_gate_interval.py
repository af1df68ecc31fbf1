"""The interval of a difference, against computations that share nothing with it."""

import math
import random
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from lupa import lua52
from scipy import special, stats

from mlops.enforcer.assemble import read_source
from mlops.runs.evidence import Contender, IntervalRule, Loss, Metric, Series, loss_of
from mlops.runs.gate.intervals import critical_value, difference
from tests.support.losses import Row, aggregate, rows_of

CANDIDATE, CHAMPION = Contender.CANDIDATE, Contender.CHAMPION
FORMER = IntervalRule.CR1
SAMPLES = [
    pytest.param(rows_of(seed=1), id="a gain"),
    pytest.param(rows_of(seed=2, candidate=11, champion=10.9, wobble=2), id="near a tie"),
    pytest.param(rows_of(seed=3, bias=2.5, days=7), id="biased, few days"),
    pytest.param(rows_of(seed=4, bias=-4, days=2), id="two days"),
    pytest.param(rows_of(seed=5, days=40)[::7], id="days of different size"),
]
each_sample = pytest.mark.parametrize("rows", SAMPLES)


def series_of(rows: list[Row], metric: Metric) -> Series:
    series = aggregate(rows).get(loss_of(metric))
    assert series is not None
    return series


def errors_of(rows: list[Row], contender: Contender) -> np.ndarray:
    return np.array([row.errors[contender] for row in rows])


def membership(rows: list[Row]) -> np.ndarray:
    """Return a matrix with a row per cluster and a column per row: 1 where it belongs."""
    names = sorted({row.cluster for row in rows})
    return np.array([[float(row.cluster == name) for row in rows] for name in names])


@each_sample
def test_the_former_rule_is_a_regression_on_a_constant_with_clustered_errors(rows: list[Row]) -> None:
    y = np.abs(errors_of(rows, CHAMPION)) - np.abs(errors_of(rows, CANDIDATE))
    x, belongs = np.ones((len(rows), 1)), membership(rows)
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    scores = belongs @ (x * (y - x @ beta)[:, None])
    clusters = len(belongs)
    covariance = clusters / (clusters - 1) * bread @ (scores.T @ scores) @ bread
    half_width = stats.t.ppf(1 - 0.025 / 2, clusters - 1) * math.sqrt(covariance[0, 0])

    found = difference(series_of(rows, Metric.MAE), Metric.MAE, CHAMPION, CANDIDATE, 0.025, FORMER)
    assert found.value == pytest.approx(beta[0], rel=1e-9, abs=1e-12)
    assert found.std_error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-9)
    assert found.lower == pytest.approx(beta[0] - half_width, rel=1e-9)
    assert found.upper == pytest.approx(beta[0] + half_width, rel=1e-9)
    assert (found.rows, found.clusters) == (len(rows), clusters)


@each_sample
def test_mae_is_a_regression_of_cluster_means_weighted_by_rows(rows: list[Row]) -> None:
    belongs = membership(rows)
    n = belongs.sum(axis=1)
    gains = belongs @ (np.abs(errors_of(rows, CHAMPION)) - np.abs(errors_of(rows, CANDIDATE))) / n
    weighted = np.sqrt(n)
    solution = np.linalg.lstsq(weighted[:, None], weighted * gains, rcond=None)[0]
    found = difference(series_of(rows, Metric.MAE), Metric.MAE, CHAMPION, CANDIDATE, 0.05)
    assert found.value == pytest.approx(solution[0], rel=1e-9, abs=1e-12)


@each_sample
def test_clusters_of_unequal_size_widen_the_interval(rows: list[Row]) -> None:
    series = series_of(rows, Metric.MAE)
    former, found = (
        difference(series, Metric.MAE, CHAMPION, CANDIDATE, 0.025, rule) for rule in IntervalRule
    )
    assert (found.value, found.clusters) == (former.value, former.clusters)
    assert former.freedom == former.clusters - 1
    assert 1 <= found.freedom <= former.freedom * (1 + 1e-12)
    assert found.critical >= former.critical * (1 - 1e-12)
    equal = difference(replace(series, n=(9,) * len(series.n)), Metric.MAE, CHAMPION, CANDIDATE, 0.025)
    assert equal.freedom == pytest.approx(former.freedom, rel=1e-12)


@each_sample
@pytest.mark.parametrize("metric", [Metric.RMSE, Metric.BIAS])
def test_other_metrics_follow_from_the_covariance_of_both_means(rows: list[Row], metric: Metric) -> None:
    left, right = errors_of(rows, CHAMPION), errors_of(rows, CANDIDATE)
    losses = np.column_stack([left**2, right**2] if metric is Metric.RMSE else [left, right])
    means = losses.mean(axis=0)
    sums = membership(rows) @ (losses - means)
    clusters = len(sums)
    covariance = clusters / (clusters - 1) * sums.T @ sums / len(rows) ** 2
    values = np.sqrt(means) if metric is Metric.RMSE else np.abs(means)
    slopes = 1 / (2 * np.sqrt(means)) if metric is Metric.RMSE else np.sign(means)
    gradient = slopes * (1, -1)
    std_error = math.sqrt(gradient @ covariance @ gradient)

    found = difference(series_of(rows, metric), metric, CHAMPION, CANDIDATE, 0.05, FORMER)
    assert found.left == pytest.approx(values[0], rel=1e-9)
    assert found.right == pytest.approx(values[1], rel=1e-9)
    assert found.std_error == pytest.approx(std_error, rel=1e-9)


@pytest.mark.parametrize("metric", list(Metric))
def test_leaving_out_one_cluster_at_a_time_gives_about_the_same_error(metric: Metric) -> None:
    rows = rows_of(seed=7, days=60, bias=1.5, wobble=1)
    days = sorted({row.cluster for row in rows})
    without = [
        difference(
            series_of([r for r in rows if r.cluster != day], metric), metric, CHAMPION, CANDIDATE, 0.05
        )
        for day in days
    ]
    values = np.array([found.value for found in without])
    jackknife = math.sqrt((len(days) - 1) / len(days) * ((values - values.mean()) ** 2).sum())
    found = difference(series_of(rows, metric), metric, CHAMPION, CANDIDATE, 0.05)
    assert found.std_error == pytest.approx(jackknife, rel=0.05)


def test_rows_that_move_together_count_as_one() -> None:
    rows = rows_of(seed=8, wobble=3)
    one_each = [Row(f"row {i:05d}", row.value, row.errors) for i, row in enumerate(rows)]
    by_day, by_row = (
        difference(series_of(r, Metric.MAE), Metric.MAE, CHAMPION, CANDIDATE, 0.05) for r in (rows, one_each)
    )
    assert by_day.value == pytest.approx(by_row.value)
    assert by_day.std_error > 2 * by_row.std_error


def test_a_perfect_model_has_no_error_of_its_own() -> None:
    zero = (0.0, 0.0)
    series = Series(Loss.SQUARED, "all", ("a", "b"), (2, 2), zero, (8.0, 8.0), ())
    found = difference(series, Metric.RMSE, CHAMPION, CANDIDATE, 0.05)
    assert (found.left, found.right, found.std_error) == (2.0, 0.0, 0.0)


# --- the critical value


@pytest.mark.parametrize("freedom", [*range(1, 41), 1.003, 4.34, 15.7, 99, 364.5, 2000.25])
@pytest.mark.parametrize("level", [0.5, 0.025, 0.05 / 6, 0.05 / 420, 1e-6, 1e-20])
def test_the_critical_value_can_be_checked_without_a_quantile_function(freedom: float, level: float) -> None:
    t, is_critical = critical_value(freedom, level), shipped()[1]["is_critical"]
    assert t == pytest.approx(stats.t.isf(level / 2, freedom), rel=1e-9)
    assert special.betainc(freedom / 2, 0.5, freedom / (freedom + t * t)) == pytest.approx(level, rel=1e-9)
    assert is_critical(t, freedom, level)
    assert not is_critical(t * (1 + 3e-9), freedom, level)
    assert not is_critical(t * (1 - 3e-9), freedom, level)


# --- the same in another language


@cache
def shipped() -> tuple[Any, Any]:
    """Return a runtime and the functions of the enforcer's statistics, as it ships them."""
    numbers, intervals = (read_source(file).body for file in ("shared/numbers.lua", "gate/intervals.lua"))
    runtime = lua52.LuaRuntime()
    names = ("linearised", "std_error", "degrees_of_freedom", "is_critical")
    functions = ", ".join(f"{name} = {name}" for name in names)
    return runtime, runtime.execute(f"{numbers}\n{intervals}\nreturn {{{functions}}}")


@pytest.mark.parametrize("metric", [*Metric, "log_loss"])
def test_lua_gets_the_same_numbers_to_the_last_digit(metric: str) -> None:
    (runtime, lua), dice = shipped(), random.Random(0)
    for seed in range(40):
        rows = rows_of(seed=seed, days=2 + seed, wobble=seed / 5, bias=seed - 20)
        rows = [row for row in rows if dice.random() < 0.7 or int(row.cluster[-2:]) % 3] if seed > 5 else rows
        series = series_of(rows, Metric(metric) if metric in set(Metric) else Metric.MAE)
        found = difference(series, metric, CHAMPION, CANDIDATE, 0.025)
        n, left, right = (runtime.table_from(list(x)) for x in (series.n, series.champion, series.candidate))
        left_value, left_moves = lua["linearised"](left, n, metric)
        right_value, right_moves = lua["linearised"](right, n, metric)
        moves = runtime.table_from([left_moves[i + 1] - right_moves[i + 1] for i in range(len(series.n))])
        numbers = (left_value, right_value, lua["std_error"](moves, n))
        assert numbers == (found.left, found.right, found.std_error)
        assert lua["degrees_of_freedom"](n) == found.freedom
        assert lua["is_critical"](found.critical, found.freedom, 0.025)
