"""Simulations of the gate: it is wrong as often as its error level says, because clusters are counted.

On a day on which the weather is bad every flight is late, and one model may take that better than another.
The simulated models are equally good over all possible days; on any one day one of them is ahead.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mlops.runs.decisions import Policy
from mlops.runs.evidence import Contender, Loss, Metric, Paired, Series, loss_of
from mlops.runs.gate.intervals import difference
from mlops.runs.gate.verdict import decide
from tests.support.losses import evidence

pytestmark = pytest.mark.slow

DAYS = 30
CLUSTERS = tuple(f"2013-12-{day + 1:02d}" for day in range(DAYS))
POLICY = Policy(alpha=0.05, must_beat_baseline=False)
EMPTY = replace(evidence(), series=(), holdout_from="")


def holdout(dice: random.Random, gain: float, candidates: int) -> Iterator[tuple[Paired, float]]:
    """Yield evidence of candidates on one holdout, with the standard error that ignores days.

    Rows differ by 4 around their day's mean difference, which differs by 1 around ``gain``; half of it is the
    champion's doing, and so the same for all candidates.
    """
    n = tuple(dice.randint(60, 140) for _ in range(DAYS))
    champion_days = [dice.gauss(0, math.sqrt(0.5)) for _ in n]
    for _ in range(candidates):
        means = [gain + day + dice.gauss(0, math.sqrt(0.5)) for day in champion_days]
        gains = [
            rows * mean + dice.gauss(0, 4 * math.sqrt(rows)) for rows, mean in zip(n, means, strict=True)
        ]
        champion = tuple(1000.0 * rows for rows in n)
        candidate = tuple(loss - gain for loss, gain in zip(champion, gains, strict=True))
        series = Series(Loss.ABSOLUTE, "all", CLUSTERS, n, candidate, champion, ())
        yield replace(EMPTY, rows=sum(n), series=(series,)), math.sqrt((16 + 1) / sum(n))


def test_equal_models_are_promoted_no_more_often_than_alpha_over_all_looks() -> None:
    dice, trials, promoted = random.Random(20131201), 1000, 0
    for _ in range(trials):
        looks = holdout(dice, gain=0.0, candidates=5)
        promoted += any(decide(p, POLICY, look=k).promotes for k, (p, _) in enumerate(looks, start=1))
    assert 0.005 < promoted / trials <= POLICY.alpha


def test_an_interval_over_rows_would_promote_far_too_many() -> None:
    dice, trials, by_row, by_day = random.Random(20131202), 2000, 0, 0
    for _ in range(trials):
        ((paired, row_error),) = holdout(dice, gain=0.0, candidates=1)
        verdict = decide(paired, POLICY, look=1)
        by_day += verdict.promotes
        by_row += verdict.intervals[0].difference > 2.24 * row_error
    assert by_day / trials <= POLICY.alpha / 2
    assert by_row / trials > 3 * POLICY.alpha


def test_a_real_gain_is_seen() -> None:
    dice, trials = random.Random(20131203), 500
    seen = sum(decide(p, POLICY, look=1).promotes for _ in range(trials) for p, _ in holdout(dice, 0.8, 1))
    assert seen / trials > 0.9


@pytest.mark.parametrize("metric", list(Metric))
def test_intervals_cover_the_truth_as_often_as_they_say(metric: Metric) -> None:
    truth = {Metric.MAE: math.sqrt(2 / math.pi), Metric.RMSE: 1.0, Metric.BIAS: 1.0}[metric]
    dice, trials, covered = random.Random(20131204), 800, 0
    for _ in range(trials):
        left, right = (_normal_errors(dice, metric, scale) for scale in (2.0, 1.0))
        n = (20,) * DAYS
        series = Series(loss_of(metric), "all", CLUSTERS, n, right, left, ())
        found = difference(series, metric, Contender.CHAMPION, Contender.CANDIDATE, 0.05)
        covered += found.lower <= truth <= found.upper
    assert 0.925 < covered / trials < 0.975


def _normal_errors(dice: random.Random, metric: Metric, scale: float) -> tuple[float, ...]:
    """Return sums over days of errors whose metric is ``scale`` (times the mean of ``|z|`` for MAE)."""
    center = -scale if metric is Metric.BIAS else 0.0
    loss = {Metric.MAE: abs, Metric.RMSE: lambda e: e * e, Metric.BIAS: lambda e: e}[metric]
    return tuple(sum(loss(center + scale * dice.gauss(0, 1)) for _ in range(20)) for _ in range(DAYS))
