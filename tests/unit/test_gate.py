"""The gate's verdicts: who is promoted, who is refused, and for which reasons in which words."""

import math
import time
from dataclasses import replace

import pytest

from mlops.runs.decisions import Guard, Outcome, Policy, Reason
from mlops.runs.errors import ProtocolMisuse
from mlops.runs.evidence import Loss, Metric, Series
from mlops.runs.gate.intervals import critical_value
from mlops.runs.gate.verdict import MAX_LOOK, decide, level_of
from tests.support.gate_answers import GUARDED, JFK, SOUND, reasons, sentences
from tests.support.losses import edited, evidence, swapped

# --- promotions


def test_a_clear_gain_over_champion_and_baseline_is_promoted() -> None:
    verdict = decide(evidence(candidate=10, champion=11), GUARDED, look=1)
    assert verdict.promotes
    assert [f.reason for f in verdict.findings] == [Reason.BEATS_CHAMPION, Reason.BEATS_BASELINE]
    assert verdict.level == 0.025
    assert all(interval.holds for interval in verdict.intervals)


def test_intervals_come_in_the_order_of_the_policy() -> None:
    verdict = decide(evidence(), GUARDED, look=1)
    assert [(i.name, i.against, i.bound) for i in verdict.intervals] == [
        ("mae", "champion", 0.0),
        ("mae", "baseline", 0.0),
        ("rmse", "champion", 0.5),
        ("bias", "champion", 1.0),
        ("mae origin=JFK", "champion", 0.5),
        ("mae origin=LGA", "champion", 0.5),
    ]


def test_the_first_model_has_only_the_baseline_to_beat() -> None:
    verdict = decide(evidence(champion=None), replace(GUARDED, must_beat_baseline=False), look=1)
    assert verdict.promotes
    assert [f.reason for f in verdict.findings] == [Reason.BEATS_BASELINE]
    assert [i.name for i in verdict.intervals] == ["mae"]


def test_the_baseline_is_not_asked_where_the_policy_does_not() -> None:
    better_than_champion_only = evidence(candidate=10, champion=11, baseline=9)
    assert reasons(better_than_champion_only) == [Reason.WORSE_THAN_BASELINE]
    assert reasons(better_than_champion_only, replace(GUARDED, must_beat_baseline=False)) == [
        Reason.BEATS_CHAMPION
    ]


@pytest.mark.parametrize("metric", [Metric.MAE, Metric.RMSE])
def test_the_policy_chooses_the_metric_that_decides(metric: Metric) -> None:
    verdict = decide(evidence(), Policy(metric=metric), look=1)
    assert verdict.promotes
    assert verdict.intervals[0].name == metric


def test_the_bias_can_decide() -> None:
    paired = swapped(evidence(candidate=10, champion=10, bias=3))
    assert reasons(paired, Policy(metric=Metric.BIAS, must_beat_baseline=False)) == [Reason.BEATS_CHAMPION]


def test_a_what_if_verdict_promotes_nothing() -> None:
    verdict = decide(evidence(), GUARDED, look=1, what_if=True)
    assert verdict.outcome is Outcome.PROMOTE
    assert not verdict.promotes
    assert verdict == replace(decide(evidence(), GUARDED, look=1), what_if=True)


# --- refusals on the numbers


def test_a_tie_is_refused() -> None:
    paired = edited(evidence(), lambda s: replace(s, candidate=s.champion))
    verdict = decide(paired, GUARDED, look=1)
    assert [f.reason for f in verdict.findings] == [Reason.NO_GAIN]
    assert (verdict.intervals[0].difference, verdict.intervals[0].lower) == (0.0, 0.0)


def test_a_worse_candidate_is_refused_although_it_beats_the_baseline() -> None:
    verdict = decide(evidence(candidate=11, champion=10), Policy(), look=1)
    assert [f.reason for f in verdict.findings] == [Reason.NO_GAIN]
    assert [i.holds for i in verdict.intervals] == [False, True]


def test_a_gain_up_to_the_least_gain_is_too_small() -> None:
    paired = evidence()
    gain = decide(paired, Policy(), look=1).intervals[0].difference
    assert reasons(paired, Policy(min_gain=gain)) == [Reason.GAIN_TOO_SMALL]
    assert reasons(paired, Policy(min_gain=math.nextafter(gain, 0)))[0] is Reason.BEATS_CHAMPION


def test_a_gain_that_may_be_chance_is_refused() -> None:
    paired = evidence(candidate=10.9, champion=11, wobble=1.5, seed=4)
    verdict = decide(paired, Policy(), look=1)
    assert verdict.intervals[0].difference > 0 > verdict.intervals[0].lower
    assert [f.reason for f in verdict.findings] == [Reason.NOT_SIGNIFICANT]
    small = decide(paired, Policy(min_gain=5), look=1)
    assert [f.reason for f in small.findings] == [Reason.GAIN_TOO_SMALL, Reason.NOT_SIGNIFICANT]


def test_an_interval_that_begins_at_zero_may_be_chance() -> None:
    t = critical_value(1, 0.025)
    series = Series(Loss.ABSOLUTE, "all", ("a", "b"), (1, 1), (0.0, 0.0), (t + 1, t - 1), ())
    paired = replace(SOUND, rows=2, series=(series,))
    policy = Policy(must_beat_baseline=False, min_clusters=2)
    assert decide(paired, policy, look=1).intervals[0].lower == 0.0
    assert reasons(paired, policy) == [Reason.NOT_SIGNIFICANT]


def test_a_first_model_that_does_not_beat_the_baseline_is_refused() -> None:
    assert reasons(evidence(champion=None, candidate=21)) == [Reason.WORSE_THAN_BASELINE]
    assert reasons(evidence(champion=None, candidate=19.9, wobble=2, seed=2)) == [Reason.NOT_SIGNIFICANT]


@pytest.mark.parametrize("name", ["origin=JFK", "origin=LGA"])
def test_one_slice_that_gets_worse_is_enough_to_refuse(name: str) -> None:
    worse = edited(
        evidence(), lambda s: replace(s, candidate=tuple(c * 1.2 for c in s.champion)), Loss.ABSOLUTE, name
    )
    verdict = decide(worse, GUARDED, look=1)
    assert [f.reason for f in verdict.findings] == [Reason.GUARD_FAILED]
    assert [i.name for i in verdict.intervals if not i.holds] == [f"mae {name}"]


def test_a_bias_in_either_direction_is_guarded() -> None:
    policy = replace(GUARDED, guards=(Guard(Metric.BIAS, 1.0),), must_beat_baseline=False)
    for bias in (-3.0, 3.0):
        assert Reason.GUARD_FAILED in reasons(evidence(candidate=5, bias=bias), policy)
        assert reasons(swapped(evidence(candidate=11, champion=5, bias=bias)), policy) == [
            Reason.BEATS_CHAMPION
        ]


def test_a_guard_holds_only_below_its_tolerance() -> None:
    paired = evidence()
    upper = decide(paired, GUARDED, look=1).intervals[2].upper
    at = replace(GUARDED, guards=(Guard(Metric.RMSE, upper),))
    above = replace(GUARDED, guards=(Guard(Metric.RMSE, math.nextafter(upper, 99)),))
    assert reasons(paired, at) == [Reason.GUARD_FAILED]
    assert decide(paired, above, look=1).promotes


def test_all_reasons_are_given_the_deciding_one_first() -> None:
    assert reasons(evidence(candidate=25, champion=11, bias=5)) == [
        Reason.NO_GAIN,
        Reason.WORSE_THAN_BASELINE,
        *[Reason.GUARD_FAILED] * 4,
    ]


def test_every_further_look_has_a_smaller_share_of_the_level() -> None:
    assert [level_of(0.05, look) for look in (1, 2, 3)] == [0.05 / 2, 0.05 / 6, 0.05 / 12]
    assert math.fsum(level_of(0.05, look) for look in range(1, 10_000)) < 0.05
    verdicts = [decide(evidence(champion=10.15), Policy(), look=look) for look in (1, 2, 50)]
    assert [v.promotes for v in verdicts] == [True, True, False]
    assert verdicts[0].intervals[0].lower > verdicts[1].intervals[0].lower > verdicts[2].intervals[0].lower


@pytest.mark.parametrize("look", [0, -1, MAX_LOOK + 1])
def test_a_look_out_of_range_is_a_defect(look: int) -> None:
    with pytest.raises(ProtocolMisuse):
        decide(evidence(), GUARDED, look=look)


@pytest.mark.parametrize("alpha", [0.0, -0.05, 0.51, math.nan])
def test_a_level_out_of_range_is_a_defect(alpha: float) -> None:
    with pytest.raises(ProtocolMisuse):
        decide(evidence(), Policy(alpha=alpha), look=1)


def test_the_last_look_still_gets_a_verdict() -> None:
    assert decide(evidence(), GUARDED, look=MAX_LOOK).intervals


# --- edges of the arithmetic


def test_a_gain_that_is_the_same_everywhere_is_certain() -> None:
    same = edited(
        SOUND,
        lambda s: replace(s, candidate=tuple(0.5 * n for n in s.n), champion=tuple(1.0 * n for n in s.n)),
    )
    verdict = decide(same, GUARDED, look=1)
    assert verdict.promotes
    gain = verdict.intervals[0]
    assert (gain.difference, gain.std_error, gain.lower, gain.upper) == (0.5, 0.0, 0.5, 0.5)


def test_a_perfect_candidate_is_promoted_and_cannot_be_beaten() -> None:
    perfect = edited(SOUND, lambda s: replace(s, candidate=tuple(0.0 for _ in s.n)))
    assert decide(perfect, replace(GUARDED, metric=Metric.RMSE), look=1).promotes
    assert reasons(swapped(perfect), replace(GUARDED, metric=Metric.RMSE))[0] is Reason.NO_GAIN


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
def test_very_small_and_very_large_losses_get_the_same_verdict(scale: float) -> None:
    def rescaled(series: Series) -> Series:
        factor = scale**2 if series.loss is Loss.SQUARED else scale
        sums = {
            key: tuple(factor * x for x in getattr(series, key))
            for key in ("candidate", "champion", "baseline")
        }
        return replace(series, **sums)

    policy = Policy(metric=Metric.RMSE)
    plain, scaled = (decide(p, policy, look=1) for p in (SOUND, edited(SOUND, rescaled)))
    assert scaled.outcome == plain.outcome
    for a, b in zip(plain.intervals, scaled.intervals, strict=True):
        assert b.lower == pytest.approx(a.lower * scale, rel=1e-9)
        assert b.std_error == pytest.approx(a.std_error * scale, rel=1e-9)


def test_an_interval_wider_than_the_largest_number_is_put_in_words() -> None:
    left, right = (4e306, 0.0), (0.0, 4e306)
    series = Series(Loss.ABSOLUTE, "all", ("a", "b"), (1, 1), left, right, ())
    verdict = decide(
        replace(SOUND, rows=2, series=(series,)), Policy(must_beat_baseline=False, min_clusters=2), look=1
    )
    assert [f.reason for f in verdict.findings] == [Reason.NO_GAIN]
    assert math.isinf(verdict.intervals[0].upper - verdict.intervals[0].lower)


# --- words


def test_a_sentence_has_the_numbers_it_rests_on() -> None:
    n = (904,) * 30
    clusters = tuple(f"2013-12-{day + 1:02d}" for day in range(30))

    def sums(mean: float, wobble: float) -> tuple[float, ...]:
        return tuple(rows * (mean + wobble * (i % 3 - 1)) for i, rows in enumerate(n))

    series = Series(Loss.ABSOLUTE, "all", clusters, n, sums(12.31, 0.4), sums(12.6, 0.1), sums(14, 0))
    paired = replace(evidence(), rows=sum(n), series=(series,))
    assert sentences(paired, Policy()) == (
        "MAE 12.31 against the champion's 12.60 on 27,120 rows of 30 clusters: gain 0.29, "
        "97.5 % interval 0.18 to 0.40, in evaluation 1 on this holdout.\n"
        "MAE 12.31 against the baseline's 14.00 on 27,120 rows of 30 clusters: gain 1.69, "
        "97.5 % interval 1.55 to 1.83."
    )


def test_small_differences_are_shown_with_enough_digits() -> None:
    close = edited(
        SOUND,
        lambda s: replace(s, candidate=tuple(c - 0.000123 * n for c, n in zip(s.champion, s.n, strict=True))),
    )
    text = sentences(close, Policy(must_beat_baseline=False))
    assert "gain 0.00012, 97.5 % interval 0.00012 to 0.00012" in text


def test_a_failed_guard_says_where_and_what_was_allowed() -> None:
    worse = edited(
        evidence(), lambda s: replace(s, candidate=tuple(c * 1.2 for c in s.champion)), Loss.ABSOLUTE, JFK
    )
    text = sentences(worse)
    assert text.startswith("MAE ")
    assert "on 195 rows of 30 clusters where origin=JFK: increase " in text
    assert text.endswith(", which must stay below 0.5.")


# --- cost


def test_a_verdict_takes_a_few_milliseconds() -> None:
    paired = evidence(days=31)
    decide(paired, GUARDED, look=1)
    elapsed_s = []
    for _ in range(20):
        started = time.perf_counter()
        decide(paired, GUARDED, look=1)
        elapsed_s.append(time.perf_counter() - started)
    assert min(elapsed_s) < 0.005
