"""A gain that was not significant: what the holdout could have shown, and how many clusters would show it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from scipy import stats

from mlops.runs.decisions import Decision, Interval, Policy, Reason
from mlops.runs.digest import document
from mlops.runs.gate.intervals import critical_value
from mlops.runs.gate.power import MOST_CLUSTERS, POWER, power_of
from mlops.runs.gate.verdict import decide
from tests.support.losses import evidence
from tests.support.verdicts import decision_on

UNSURE = evidence(candidate=10.9, champion=11, wobble=1.5, seed=4)
WITHOUT_BASELINE = Policy(must_beat_baseline=False)


def interval(gain: float, std_error: float = 1.0, clusters: int = 30, level: float = 0.025) -> Interval:
    critical = critical_value(clusters - 1, level)
    half = critical * std_error
    return Interval(
        "mae", "champion", 10, 10 + gain, gain, gain - half, gain + half, clusters, level, 0.0, False,
        3000, std_error, critical, clusters - 1,
    )  # fmt: skip


@pytest.mark.parametrize("clusters", [10, 20, 31, 100, 400])
@pytest.mark.parametrize("level", [0.025, 0.05 / 6, 0.05 / 110])
def test_the_smallest_gain_is_shown_with_the_power_it_names(clusters: int, level: float) -> None:
    found = interval(0.5, clusters=clusters, level=level)
    smallest = power_of(found).smallest_gain
    shown = stats.nct.sf(found.critical, clusters - 1, smallest / found.std_error)
    assert shown == pytest.approx(POWER, abs=0.03 if clusters >= 20 else 0.06)


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.0, 2.0])
def test_the_gain_is_shown_with_the_further_clusters_and_not_with_one_less(gain: float) -> None:
    enough = 30 + power_of(interval(gain)).further_clusters
    for clusters, shows in ((enough, True), (enough - 1, False)):
        again = interval(gain, std_error=math.sqrt(30 / clusters), clusters=clusters)
        again = replace(again, freedom=29 * clusters / 30)
        assert (power_of(again).smallest_gain <= gain) is shows


def test_fewer_clusters_are_needed_for_a_larger_gain() -> None:
    further = [power_of(interval(gain)).further_clusters for gain in (0.1, 0.2, 0.5, 1.0, 2.0)]
    assert further == sorted(further, reverse=True)
    assert further[-1] >= 1


def test_a_gain_next_to_nothing_has_no_number_of_clusters() -> None:
    assert power_of(interval(1e-9)).further_clusters == MOST_CLUSTERS
    tiny = replace(UNSURE.series[0], candidate=tuple(c - 1e-9 for c in UNSURE.series[0].champion))
    wobbling = tuple(c + (-1) ** i for i, c in enumerate(tiny.candidate))
    paired = replace(UNSURE, series=(replace(tiny, candidate=wobbling), *UNSURE.series[1:]))
    verdict = decide(paired, WITHOUT_BASELINE, look=1)
    assert "more than 1,000,000 further clusters" in verdict.sentence


def test_a_refusal_says_what_the_holdout_could_have_shown() -> None:
    verdict = decide(UNSURE, Policy(), look=1)
    (power,) = verdict.power
    assert (power.name, power.against, power.power) == ("mae", "champion", 0.8)
    assert power.smallest_gain > verdict.intervals[0].difference
    (sentence,) = [f.sentence for f in verdict.findings if f.reason is Reason.NOT_SIGNIFICANT]
    assert f"it takes {power.further_clusters:,} further clusters" in sentence
    assert "with 80 % power" in sentence


def test_other_verdicts_say_nothing_of_power() -> None:
    assert decide(evidence(), Policy(), look=1).power == ()
    assert decide(evidence(candidate=11, champion=10), Policy(), look=1).power == ()


def test_it_is_kept_with_the_decision() -> None:
    decision = decision_on(decide(UNSURE, Policy(), look=1))
    assert Decision.from_json(json.loads(document(decision.to_json()))) == decision
