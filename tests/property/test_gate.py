"""Laws of the gate, whatever the evidence."""

import json
import random
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from mlops.runs.decisions import Decision, Guard, Outcome, Policy, Reason, Verdict
from mlops.runs.digest import document
from mlops.runs.errors import Corrupt
from mlops.runs.evidence import Contender, Loss, Metric, Paired, Series, loss_of
from mlops.runs.gate.verdict import decide
from mlops.runs.records import ComparedTo
from tests.support.losses import aggregate, edited, rows_of, swapped

sizes = st.floats(0.5, 30)
paired_losses = st.builds(
    lambda **changes: aggregate(rows_of(**changes)),
    candidate=sizes,
    champion=sizes | st.none(),
    baseline=st.floats(5, 40),
    bias=st.sampled_from([0.0, 0.0, -3.0, 0.5, 3.0]),
    days=st.integers(2, 32),
    rows_a_day=st.integers(2, 6),
    wobble=st.floats(0, 3),
    seed=st.integers(0, 2**32),
)
compared = paired_losses.filter(lambda paired: paired.has_champion)
tolerances = st.floats(0.01, 3)
policies = st.builds(
    Policy,
    metric=st.sampled_from([Metric.MAE, Metric.MAE, Metric.RMSE, Metric.BIAS]),
    min_gain=st.sampled_from([0.0, 0.0, 0.1, 1.0]),
    alpha=st.sampled_from([0.05, 0.01, 0.5]),
    min_clusters=st.sampled_from([2, 2, 20]),
    min_slice_rows=st.sampled_from([1, 30, 60]),
    min_slice_clusters=st.sampled_from([2, 5, 20]),
    must_beat_baseline=st.booleans(),
    guards=st.lists(
        st.builds(Guard, st.sampled_from(Metric), tolerances, st.sampled_from(["", "origin"])), max_size=3
    ).map(tuple),
)
looks = st.integers(1, 60)


def promotes(paired: Paired, policy: Policy, look: int = 1) -> bool:
    return decide(paired, policy, look=look).promotes


@given(paired_losses, policies, looks)
def test_a_verdict_follows_from_its_own_numbers(paired: Paired, policy: Policy, look: int) -> None:
    verdict = decide(paired, policy, look=look)
    assert verdict.findings
    assert verdict.level == policy.alpha / (look * (look + 1))
    for i in verdict.intervals:
        assert i.lower <= i.difference <= i.upper
        assert (i.lower, i.upper) == (
            i.difference - i.critical * i.std_error,
            i.difference + i.critical * i.std_error,
        )
    praised = {Reason.BEATS_CHAMPION, Reason.BEATS_BASELINE}
    found = {finding.reason for finding in verdict.findings}
    if verdict.outcome is Outcome.PROMOTE:
        assert found <= praised
        assert verdict.intervals
        assert all(i.holds for i in verdict.intervals)
    else:
        assert not found & praised
        assert not verdict.intervals or not all(i.holds for i in verdict.intervals)


@given(paired_losses, policies, looks, st.randoms(use_true_random=False))
def test_the_order_of_clusters_and_series_does_not_matter(
    paired: Paired, policy: Policy, look: int, dice: random.Random
) -> None:
    def shuffled(series: Series) -> Series:
        order = list(range(len(series.clusters)))
        dice.shuffle(order)
        columns = {
            key: tuple(getattr(series, key)[i] for i in order if getattr(series, key))
            for key in ("clusters", "n", "candidate", "champion", "baseline")
        }
        return replace(series, **columns)

    mixed = edited(paired, shuffled)
    mixed = replace(mixed, series=tuple(dice.sample(mixed.series, len(mixed.series))))
    assert decide(mixed, policy, look=look) == decide(paired, policy, look=look)


@given(paired_losses, policies, looks, st.integers(-20, 20).map(lambda power: 2.0**power))
def test_losses_in_other_units_scale_the_intervals(
    paired: Paired, policy: Policy, look: int, scale: float
) -> None:
    def rescaled(series: Series) -> Series:
        factor = scale * scale if series.loss is Loss.SQUARED else scale
        keys = ("candidate", "champion", "baseline")
        return replace(series, **{key: tuple(factor * x for x in getattr(series, key)) for key in keys})

    policy_scaled = replace(
        policy,
        min_gain=policy.min_gain * scale,
        guards=tuple(replace(guard, tolerance=guard.tolerance * scale) for guard in policy.guards),
    )
    plain = decide(paired, policy, look=look)
    scaled = decide(edited(paired, rescaled), policy_scaled, look=look)
    assert scaled.outcome == plain.outcome
    assert [f.reason for f in scaled.findings] == [f.reason for f in plain.findings]
    assert scaled.intervals == tuple(
        replace(
            i,
            candidate=i.candidate * scale,
            other=i.other * scale,
            difference=i.difference * scale,
            lower=i.lower * scale,
            upper=i.upper * scale,
            bound=i.bound * scale,
            std_error=i.std_error * scale,
        )
        for i in plain.intervals
    )


@given(compared, policies, looks)
def test_the_champion_itself_is_always_refused(paired: Paired, policy: Policy, look: int) -> None:
    same = edited(paired, lambda s: replace(s, candidate=s.champion))
    verdict = decide(same, policy, look=look)
    assert verdict.outcome is Outcome.REFUSE
    if verdict.intervals:
        assert verdict.findings[0].reason is Reason.NO_GAIN


@given(compared, policies, looks)
def test_of_two_models_at_most_one_may_replace_the_other(paired: Paired, policy: Policy, look: int) -> None:
    assert not (promotes(paired, policy, look) and promotes(swapped(paired), policy, look))


@given(paired_losses, policies, looks, looks)
def test_more_looks_never_turn_a_refusal_into_a_promotion(
    paired: Paired, policy: Policy, look: int, more: int
) -> None:
    if promotes(paired, policy, look + more):
        assert promotes(paired, policy, look)


@given(paired_losses, policies, st.floats(1, 10))
def test_a_laxer_policy_never_refuses_what_a_stricter_one_promotes(
    paired: Paired, policy: Policy, factor: float
) -> None:
    laxer = [
        replace(policy, guards=tuple(replace(g, tolerance=g.tolerance * factor) for g in policy.guards)),
        replace(policy, guards=policy.guards[1:]),
        replace(policy, min_gain=policy.min_gain / factor),
        replace(policy, alpha=min(0.5, policy.alpha * factor)),
        replace(policy, must_beat_baseline=False),
        replace(policy, min_clusters=2),
    ]
    if promotes(paired, policy):
        assert all(promotes(paired, policy_) for policy_ in laxer)


@given(
    paired_losses,
    policies,
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.sampled_from(["candidate", "champion", "baseline"]),
    st.randoms(use_true_random=False),
)
def test_one_sum_that_is_not_finite_refuses(
    paired: Paired, policy: Policy, value: float, key: str, dice: random.Random
) -> None:
    at = dice.randrange(len(paired.series))
    series = paired.series[at]
    sums = list(getattr(series, key))
    assume(sums)
    sums[dice.randrange(len(sums))] = value
    spoiled = replace(series, **{key: tuple(sums)})
    paired = replace(paired, series=(*paired.series[:at], spoiled, *paired.series[at + 1 :]))
    verdict = decide(paired, policy, look=1)
    assert verdict.outcome is Outcome.REFUSE
    assert Reason.NOT_FINITE in {finding.reason for finding in verdict.findings}
    assert not verdict.intervals


@given(paired_losses, policies, looks)
def test_evidence_that_was_stored_gives_the_same_verdict(paired: Paired, policy: Policy, look: int) -> None:
    again = Paired.from_json(json.loads(document(paired.to_json())))
    assert again == paired
    assert decide(again, policy, look=look) == decide(paired, policy, look=look)


@given(paired_losses, policies, looks, st.booleans())
def test_a_decision_that_was_stored_holds_the_same_verdict(
    paired: Paired, policy: Policy, look: int, what_if: bool
) -> None:
    verdict = decide(paired, policy, look=look, what_if=what_if)
    digest = "a" * 64
    decision = Decision("0123456789ab", digest, ComparedTo(), digest, digest, digest, digest, "", verdict)
    again = Decision.from_json(json.loads(document(decision.to_json())))
    assert again == decision
    assert again.verdict.promotes == (verdict.outcome is Outcome.PROMOTE and not what_if)


# --- any evidence at all

floats = st.floats() | st.sampled_from([0.0, -0.0, 1.0, 1e308, 5e-324])
counts = st.integers() | st.integers(1, 5) | st.sampled_from([2**53, 2**62])
times = st.sampled_from(["", "2013-12-01", "2013-11-30T23:00:00+01:00", "0001-01-01T00:00:00+23:59", "soon"])
names = st.sampled_from(["a", "b", "c", "d"]) | st.text(max_size=3)


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    clusters = tuple(draw(st.lists(names, max_size=4, unique=draw(st.booleans()))))
    size = len(clusters)

    def column(values: st.SearchStrategy[float]) -> tuple[float, ...]:
        length = draw(st.sampled_from([size, size, size, size, 0, size + 1]))
        return tuple(draw(st.lists(values, min_size=length, max_size=length)))

    return Series(
        loss=draw(st.sampled_from(Loss)),
        slice=draw(st.sampled_from(["all", "all", "origin=JFK", "origin=", "="])),
        clusters=clusters,
        n=tuple(draw(st.lists(counts, min_size=size, max_size=size))),
        candidate=column(floats),
        champion=column(floats),
        baseline=column(floats),
    )


@st.composite
def any_paired(draw: st.DrawFn) -> Paired:
    series = tuple(draw(st.lists(any_series(), max_size=4)))
    right = sum(series[0].n) if series else 0
    return Paired(
        holdout_digest=draw(st.text(max_size=3)),
        rows=draw(st.just(right) | st.integers()),
        has_champion=draw(st.booleans()),
        train_overlap=draw(st.just(0) | st.integers()),
        candidate_trained_until=draw(times),
        champion_trained_until=draw(times),
        holdout_from=draw(times),
        series=series,
    )


@given(any_paired(), policies, looks)
def test_whatever_the_evidence_there_is_a_verdict_that_can_be_stored(
    paired: Paired, policy: Policy, look: int
) -> None:
    for evidence in (paired, Paired.from_json(json.loads(document(paired.to_json())))):
        verdict = decide(evidence, policy, look=look)
        assert isinstance(verdict, Verdict)
        assert document(verdict.sentence)
        assert all(document(interval.__dict__) for interval in verdict.intervals)


losses_in_range = st.floats(0, 1e300) | st.floats(0, 1e-300) | st.sampled_from([0.0, 5e-324, 1e308])


@given(
    st.lists(st.tuples(st.integers(1, 9), losses_in_range, losses_in_range), min_size=2, max_size=5),
    policies.map(lambda policy: replace(policy, must_beat_baseline=False, guards=(), min_clusters=2)),
)
def test_extreme_losses_get_a_verdict_too(rows: list[tuple[int, float, float]], policy: Policy) -> None:
    n, candidate, champion = (tuple(column) for column in zip(*rows, strict=True))
    clusters = tuple("abcde"[: len(n)])
    series = Series(loss_of(policy.metric), "all", clusters, n, candidate, champion, ())
    paired = Paired("", sum(n), True, 0, "", "", "", (series,))
    verdict = decide(paired, policy, look=1)
    assert not (verdict.promotes and promotes(swapped(paired), policy))
    assert verdict.intervals or verdict.findings[0].reason is Reason.NOT_FINITE
    assert document(verdict.sentence)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(any_paired(), st.sampled_from(["", *Series.__dataclass_fields__]), json_values, policies)
def test_evidence_of_another_form_is_corrupt_or_gets_a_verdict(
    paired: Paired, key: str, value: object, policy: Policy
) -> None:
    document_ = paired.to_json()
    if key and document_["series"]:
        document_["series"][0][key] = value
    else:
        document_["rows"] = value
    try:
        read = Paired.from_json(document_)
    except Corrupt:
        return
    assert decide(read, policy, look=1).findings


def test_contenders_are_the_columns_of_a_series() -> None:
    assert {str(contender) for contender in Contender} <= set(Series.__dataclass_fields__)
