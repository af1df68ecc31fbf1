"""The gate's intervals cover the truth as often as they say, and few models are promoted that are no better.

Rows are dependent: a cluster moves together, as far as ``together`` says. The settings are those in which the
former rule promised too much (few clusters of unequal size), or in which it was right. Each is drawn 20,000
times by numpy, with the arithmetic of the gate, which is compared with the gate itself on some of the draws.

A share of simulated promotions scatters about the true one, so it is held against the number that a true
share at the nominal level exceeds once in ten thousand simulations. Seeds are the numbers of the settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import special, stats

from mlops.runs.decisions import Policy
from mlops.runs.evidence import IntervalRule, Loss, Series
from mlops.runs.gate.variance import degrees_of_freedom
from mlops.runs.gate.verdict import decide, level_of
from tests.support.losses import evidence

DRAWS, KINDS = 20_000, 200
POLICY = Policy(alpha=0.05, must_beat_baseline=False)
EVALUATIONS = 10
EMPTY = replace(evidence(), series=(), holdout_from="")

Sizes = Callable[[np.random.Generator], np.ndarray]
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(dice: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return dice.standard_normal(shape)


def heavy_tails(dice: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Student's t with three degrees of freedom, of variance 1: one cluster in a hundred is 2.6 away."""
    return dice.standard_t(3, shape) / math.sqrt(3)


def between(clusters: int, least: int, most: int) -> Sizes:
    return lambda dice: dice.integers(least, most + 1, clusters)


def a_few_large(dice: np.random.Generator) -> np.ndarray:
    """Twenty-five clusters of about 20 rows, some of which have ten times as many."""
    return np.ceil(np.exp(3 + dice.standard_normal(25))).astype(int)


@dataclass(frozen=True)
class Setting:
    """A kind of holdout.

    Attributes:
        sizes: Draws the rows of each cluster.
        together: Share of the variance of a row that all rows of its cluster have in common.
        noise: Draws what they have in common.
    """

    sizes: Sizes
    together: float
    noise: Noise = normal


SETTINGS = {
    "20 clusters of 5 to 50 rows": Setting(between(20, 5, 50), 0.3),
    "20 clusters of 5 to 50 rows that move as one": Setting(between(20, 5, 50), 1.0),
    "20 clusters of 5 to 50 rows, heavy tails": Setting(between(20, 5, 50), 0.3, heavy_tails),
    "25 clusters, a few of them large": Setting(a_few_large, 0.3),
    "28 days of 60 to 140 rows": Setting(between(28, 60, 140), 0.1),
    "100 clusters of 1 to 30 rows, heavy tails": Setting(between(100, 1, 30), 0.5, heavy_tails),
}
each_setting = pytest.mark.parametrize(("name", "seed"), [(n, i) for i, n in enumerate(SETTINGS)])


def drawn(setting: Setting, seed: int, evaluations: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return rows per cluster of several kinds of holdout, and sums of gains of candidates no better.

    Half of what clusters have in common is the champion's doing, and so the same for all candidates.
    """
    dice = np.random.default_rng(seed)
    sizes = np.array([setting.sizes(dice) for _ in range(KINDS)])
    shape = (KINDS, DRAWS // KINDS, sizes.shape[1])
    champion = setting.noise(dice, shape) * math.sqrt(0.5)
    n = sizes[:, None, None, :].astype(float)
    sums = []
    for _ in range(evaluations):
        common = champion + setting.noise(dice, shape) * math.sqrt(0.5) if evaluations > 1 else None
        common = setting.noise(dice, shape) if common is None else common
        rows = dice.standard_normal(shape) * np.sqrt(n[:, :, 0] * (1 - setting.together))
        sums.append(n[:, :, 0] * common * math.sqrt(setting.together) + rows)
    return sizes, np.stack(sums, axis=2)


def intervals(sizes: np.ndarray, sums: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return gains and half widths of their intervals, as `mlops.runs.gate` computes them."""
    n = sizes[:, None, None, :].astype(float)
    rows = n.sum(axis=-1, keepdims=True)
    gains = sums.sum(axis=-1, keepdims=True) / rows
    variance = (((sums - gains * n) / rows) ** 2 / (1 - n / rows)).sum(axis=-1)
    freedom = np.array([degrees_of_freedom(tuple(kind.tolist())) for kind in sizes])
    critical = -special.stdtrit(freedom, level / 2)
    return gains[..., 0], critical[:, None, None] * np.sqrt(variance)


def evidence_of(sizes: np.ndarray, gains: np.ndarray) -> Series:
    """Return paired losses with these sums of gains."""
    clusters = tuple(f"c{i:03d}" for i in range(len(sizes)))
    champion = tuple(1000.0 * n for n in sizes.tolist())
    candidate = tuple(loss - gain for loss, gain in zip(champion, gains.tolist(), strict=True))
    return Series(Loss.ABSOLUTE, "all", clusters, tuple(sizes.tolist()), candidate, champion, ())


def at_most(share: float) -> float:
    """Return the share that is exceeded once in ten thousand simulations if the true one is ``share``."""
    return float(stats.binom.isf(1e-4, DRAWS, share)) / DRAWS


@each_setting
def test_the_arithmetic_is_that_of_the_gate(name: str, seed: int) -> None:
    sizes, sums = drawn(SETTINGS[name], seed)
    gains, widths = intervals(sizes, sums, level_of(POLICY.alpha, 1))
    for kind in range(0, KINDS, 10):
        series = evidence_of(sizes[kind], sums[kind, 0, 0])
        found = decide(replace(EMPTY, rows=int(sizes[kind].sum()), series=(series,)), POLICY, look=1)
        assert found.intervals[0].difference == pytest.approx(gains[kind, 0, 0], rel=1e-6, abs=1e-9)
        width = found.intervals[0].upper - found.intervals[0].difference
        assert width == pytest.approx(widths[kind, 0, 0], rel=1e-6)


@each_setting
def test_intervals_cover_what_they_promise(name: str, seed: int) -> None:
    level = level_of(POLICY.alpha, 1)
    gains, widths = intervals(*drawn(SETTINGS[name], seed), level)
    covered = float((np.abs(gains) <= widths).mean())
    assert abs(covered - (1 - level)) <= 0.02
    assert 1 - covered <= at_most(level)


@each_setting
def test_models_that_are_no_better_are_promoted_at_most_at_the_nominal_level(name: str, seed: int) -> None:
    level = level_of(POLICY.alpha, 1)
    gains, widths = intervals(*drawn(SETTINGS[name], seed), level)
    assert float((gains > widths).mean()) <= at_most(level / 2)


@each_setting
def test_ten_evaluations_together_stay_below_the_error_level(name: str, seed: int) -> None:
    sizes, sums = drawn(SETTINGS[name], seed, EVALUATIONS)
    promoted = np.zeros(sums.shape[:2], dtype=bool)
    levels = [level_of(POLICY.alpha, look) for look in range(1, EVALUATIONS + 1)]
    for look, level in enumerate(levels):
        gains, widths = intervals(sizes, sums[:, :, look : look + 1], level)
        promoted |= (gains > widths)[..., 0]
    assert float(promoted.mean()) <= at_most(math.fsum(levels) / 2)


def test_the_former_rule_promoted_too_many_where_few_clusters_are_large() -> None:
    sizes, sums = drawn(SETTINGS["25 clusters, a few of them large"], 3)
    former, now = (
        sum(
            decide(
                replace(EMPTY, rows=int(sizes[k].sum()), series=(evidence_of(sizes[k], s),), interval=rule),
                POLICY,
                look=1,
            ).promotes
            for k in range(KINDS)
            for s in sums[k, :10, 0]
        )
        for rule in IntervalRule
    )
    level = level_of(POLICY.alpha, 1) / 2
    assert former > stats.binom.isf(1e-3, KINDS * 10, level) > now
