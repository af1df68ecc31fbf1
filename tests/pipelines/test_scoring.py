from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.adapters.tables import read_parquet, to_parquet
from mlops.pipelines import pipeline
from mlops.pipelines.holdout import HoldoutRule, split
from mlops.pipelines.spec import Joined, PipelineSpec
from mlops.runs.decisions import Guard, Policy, Reason
from mlops.runs.digest import document
from mlops.runs.errors import InputError, NotPromoted
from mlops.runs.evidence import ALL_ROWS, Contender, Loss, Metric, Paired
from mlops.runs.gate import verdict as gate
from mlops.steps.evaluation.score import ChampionUnscorable, Scored, score

SPEC = dataclasses.replace(
    pipeline("flights"),
    key=("id",),
    time="at",
    cluster="day",
    target="y",
    model_input=("x",),
    slices=("origin",),
    baseline=lambda _train, rows: rows["x"].to_numpy(),
)


class Plus:
    """A model that predicts ``x`` plus a number."""

    def __init__(self, plus: float, takes: str = "x") -> None:
        self.plus = plus
        self.feature_names_in_ = np.array([takes])

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return rows[self.feature_names_in_[0]].to_numpy() + self.plus


def table(rows: list[tuple[int, str, float, float]], start: int = 0) -> pd.DataFrame:
    """Return rows of (day, origin, x, y) of May, with ids from ``start``."""
    frame = pd.DataFrame(rows, columns=["number", "origin", "x", "y"])
    days = pd.to_datetime("2013-05-01") + pd.to_timedelta(frame["number"], unit="D")
    times = days.dt.tz_localize("UTC") + pd.Timedelta(hours=12)
    return frame.assign(id=range(start, start + len(frame)), day=days, at=times).drop(columns="number")


def trained(count: int = 3) -> pd.DataFrame:
    """Return training rows of April with ids from 1,000."""
    rows = table([(0, "JFK", 1.0, 1.0)] * count, 1_000)
    return rows.assign(at=rows["at"] - pd.Timedelta(days=30))


VALUES = st.floats(-1e6, 1e6)
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["JFK", "LGA", "EWR"]), VALUES, VALUES),
    min_size=1,
    max_size=40,
)


def scored(holdout: pd.DataFrame, *, champion: object = None) -> Scored:
    return score(
        SPEC,
        holdout,
        candidate=Plus(1.0),
        candidate_train=trained(),
        champion=champion,
        champion_train=trained() if champion else None,
    )


@given(ROWS)
def test_sums_are_those_of_a_loop_over_the_rows(rows) -> None:
    paired = scored(table(rows), champion=Plus(-2.0)).paired
    plus = {Contender.CANDIDATE: 1.0, Contender.CHAMPION: -2.0, Contender.BASELINE: 0.0}
    losses = {Loss.ABSOLUTE: abs, Loss.SQUARED: lambda e: e * e, Loss.SIGNED: lambda e: e}
    for series in paired.series:
        chosen = [row for row in rows if series.slice in (ALL_ROWS, f"origin={row[1]}")]
        days = sorted({row[0] for row in chosen})
        assert series.clusters == tuple(f"2013-05-{1 + day:02d}" for day in days)
        assert series.n == tuple(sum(row[0] == day for row in chosen) for day in days)
        for contender in Contender:
            naive = tuple(
                math.fsum(losses[series.loss]((x + plus[contender]) - y) for d, _, x, y in chosen if d == day)
                for day in days
            )
            assert series.of(contender) == naive


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random) -> None:
    holdout = table(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = holdout.iloc[order]
    assert scored(shuffled).paired == scored(holdout).paired
    assert scored(shuffled).metrics == scored(holdout).metrics


def test_every_loss_is_summed_on_all_rows_and_on_every_slice() -> None:
    paired = scored(table([(0, "JFK", 1.0, 2.0), (1, "LGA", 1.0, 5.0)])).paired
    assert {(s.loss, s.slice) for s in paired.series} == {
        (loss, name) for loss in Loss for name in ("all", "origin=JFK", "origin=LGA")
    }
    assert paired.slices("origin") == ["origin=JFK", "origin=LGA"]
    assert not paired.has_champion
    assert all(s.champion == () for s in paired.series)


def test_predictions_have_a_row_for_every_row_of_the_holdout() -> None:
    holdout = table([(0, "JFK", 1.0, 2.0), (1, "LGA", 3.0, 5.0)])
    alone = scored(holdout).predictions
    assert list(alone.columns) == ["id", "cluster", "target", "candidate", "champion", "baseline"]
    assert alone["cluster"].tolist() == ["2013-05-01", "2013-05-02"]
    assert alone["candidate"].tolist() == [2.0, 4.0]
    assert alone["champion"].isna().all()
    both = scored(holdout, champion=Plus(-2.0)).predictions
    assert both["champion"].tolist() == [-1.0, 1.0]
    pd.testing.assert_frame_equal(read_parquet(to_parquet(both)), both)


def test_metrics_are_those_of_the_predictions() -> None:
    holdout = table([(0, "JFK", 1.0, 2.0), (1, "LGA", 3.0, 7.0)])
    assert scored(holdout, champion=Plus(2.0)).metrics == {
        "baseline_bias": -2.5,
        "baseline_mae": 2.5,
        "baseline_rmse": math.sqrt(8.5),
        "bias": -1.5,
        "champion_bias": -0.5,
        "champion_mae": 1.5,
        "champion_rmse": math.sqrt(2.5),
        "holdout_rows": 2.0,
        "mae": 1.5,
        "rmse": math.sqrt(4.5),
    }


def test_times_of_training_and_holdout_are_recorded() -> None:
    holdout = table([(1, "JFK", 1.0, 2.0), (0, "JFK", 1.0, 2.0)])
    paired = scored(holdout, champion=Plus(0.0)).paired
    assert paired.holdout_from == "2013-05-01T12:00:00+00:00"
    assert paired.candidate_trained_until == "2013-04-01T12:00:00+00:00"
    assert paired.champion_trained_until == "2013-04-01T12:00:00+00:00"
    untimed = score(SPEC, holdout, candidate=Plus(1.0), candidate_train=trained(), timed=False)
    assert untimed.paired.holdout_from == ""


def test_rows_that_a_model_was_trained_on_are_counted_once() -> None:
    holdout = table([(0, "JFK", 1.0, 2.0)] * 5)
    one = pd.concat([trained(), holdout.iloc[[0, 1]]])
    other = pd.concat([trained(), holdout.iloc[[1, 1, 2]]])
    paired = score(
        SPEC, holdout, candidate=Plus(1.0), candidate_train=one, champion=Plus(0.0), champion_train=other
    ).paired
    assert paired.train_overlap == 3


def test_a_leak_is_refused_by_the_gate() -> None:
    holdout = table([(day, "JFK", 1.0, 2.0) for day in range(25)])
    leaking = pd.concat([trained(), holdout.head(1)])
    paired = score(SPEC, holdout, candidate=Plus(1.0), candidate_train=leaking).paired
    verdict = gate.decide(paired, Policy(), look=1)
    assert Reason.HOLDOUT_LEAKED in {finding.reason for finding in verdict.findings}


def test_a_perfect_candidate_passes_the_gate() -> None:
    holdout = table([(day, "JFK", float(day), day + 1.0 + day % 2 / 10) for day in range(25)])
    policy = Policy(
        guards=(Guard(Metric.RMSE, 0.5), Guard(Metric.BIAS, 0.5), Guard(Metric.MAE, 0.5, "origin"))
    )
    paired = scored(holdout, champion=Plus(-1.0)).paired
    assert gate.decide(paired, policy, look=1).promotes
    assert Paired.from_json(paired.to_json()) == paired
    assert document(paired.to_json()) == document(scored(holdout, champion=Plus(-1.0)).paired.to_json())


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e308])
def test_a_prediction_that_is_no_number_reaches_the_gate_as_such(bad: float) -> None:
    holdout = table([(day, "JFK", 1.0, 2.0) for day in range(25)])
    result = score(SPEC, holdout, candidate=Plus(bad), candidate_train=trained())
    verdict = gate.decide(result.paired, Policy(guards=(Guard(Metric.RMSE, 1.0),)), look=1)
    assert {finding.reason for finding in verdict.findings} == {Reason.NOT_FINITE}
    assert document(dict(result.metrics))
    assert "rmse" not in result.metrics


def test_missing_values_of_a_slice_are_a_slice() -> None:
    holdout = table([(0, "JFK", 1.0, 2.0), (0, "LGA", 1.0, 2.0)]).assign(origin=["JFK", None])
    assert scored(holdout).paired.slices("origin") == ["origin=(missing)", "origin=JFK"]


class Failing(Plus):
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        raise ArithmeticError("too many trees")


class Short(Plus):
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return np.zeros(1)


UNSCORABLE = [
    (Plus(0.0, takes="wind"), "takes wind, which the holdout lacks"),
    (Failing(0.0), "ArithmeticError: too many trees"),
    (Short(0.0), r"gave predictions of the shape \(1,\) for 2 rows"),
]


@pytest.mark.parametrize(("model", "message"), UNSCORABLE)
def test_a_champion_that_cannot_be_scored_is_named_for_its_reason(model: Plus, message: str) -> None:
    holdout = table([(0, "JFK", 1.0, 2.0)] * 2)
    with pytest.raises(ChampionUnscorable, match=f"the champion {message}|{message}") as raised:
        scored(holdout, champion=model)
    assert isinstance(raised.value, NotPromoted)


@pytest.mark.parametrize(("model", "message"), UNSCORABLE)
def test_a_candidate_that_cannot_be_scored_is_an_error_of_its_own(model: Plus, message: str) -> None:
    holdout = table([(0, "JFK", 1.0, 2.0)] * 2)
    with pytest.raises(InputError, match=message):
        score(SPEC, holdout, candidate=model, candidate_train=trained())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.drop(columns="y"), "no column y"),
        (lambda f: f.head(0), "no rows"),
        (lambda f: f.assign(y=[1.0, None]), "rows without y"),
        (lambda f: f.assign(day=[f["day"].iloc[0], pd.NaT]), "rows without day"),
    ],
)
def test_a_holdout_that_cannot_judge_is_named(damage, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scored(damage(table([(0, "JFK", 1.0, 2.0)] * 2)))


def test_real_models_are_scored_on_real_rows(spec: PipelineSpec, spring: Joined) -> None:
    parts = split(spring.rows, HoldoutRule("newest_period", column="departs_on", period="month"), spec)
    columns = list(spec.model_input)

    def fit(trees: int) -> object:
        model = spec.model(spec.parameters({"max_iter": trees}), 7)
        return model.fit(parts.train[columns], parts.train[spec.target])

    better = fit(12)
    first = score(spec, parts.holdout, candidate=better, candidate_train=parts.train)
    assert gate.decide(first.paired, Policy(), look=1).promotes
    result = score(
        spec,
        parts.holdout,
        candidate=better,
        candidate_train=parts.train,
        champion=fit(2),
        champion_train=parts.train,
    )
    assert result.paired.train_overlap == 0
    assert result.paired.slices("origin") == ["origin=EWR", "origin=JFK", "origin=LGA"]
    assert len(result.paired.series[0].clusters) == 31
    metrics = result.metrics
    assert metrics["mae"] < metrics["champion_mae"] < metrics["baseline_mae"]
    error = result.predictions["candidate"] - result.predictions["target"]
    assert metrics["mae"] == pytest.approx(error.abs().mean(), rel=1e-12)
