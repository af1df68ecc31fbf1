"""Evidence and decisions: their JSON says the same as they do, and nothing else is taken for them."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from mlops.runs.decisions import Decision, Finding, Interval, Outcome, Reason, Verdict
from mlops.runs.digest import document
from mlops.runs.errors import Corrupt
from mlops.runs.evidence import Contender, Loss, Metric, Paired, Series, loss_of
from mlops.runs.records import ComparedTo

ROWS = Series(
    loss=Loss.ABSOLUTE,
    slice="all",
    clusters=("2013-12-01", "2013-12-02"),
    n=(2, 3),
    candidate=(1.0, 2.5),
    champion=(1.5, 3.0),
    baseline=(2.0, 4.0),
)
#: Fields that evidence of earlier versions does not have.
LATER = {"holdout_id", "interval", "footprint"}

PAIRED = Paired(
    holdout_digest="a" * 64,
    rows=5,
    has_champion=True,
    train_overlap=0,
    candidate_trained_until="2013-11-30T23:00:00+00:00",
    champion_trained_until="2013-10-31T23:00:00+00:00",
    holdout_from="2013-12-01T00:00:00+00:00",
    series=(
        ROWS,
        replace(ROWS, slice="origin=JFK"),
        replace(ROWS, slice="origin=EWR"),
        replace(ROWS, loss=Loss.SIGNED),
    ),
)
INTERVAL = Interval(
    name="mae",
    against="champion",
    candidate=0.7,
    other=0.9,
    difference=0.2,
    lower=0.1,
    upper=0.3,
    clusters=2,
    level=0.025,
    bound=0.0,
    holds=True,
    rows=5,
    std_error=0.05,
    critical=2.0,
)
DECISION = Decision(
    run_id="0123456789ab",
    inputs_digest="0123456789ab" + "c" * 52,
    compared_to=ComparedTo(3, "ab0123456789", "d" * 64, "e" * 64),
    paired_sha256="f" * 64,
    predictions_sha256="0" * 64,
    policy_sha256="1" * 64,
    candidate_commit="2" * 64,
    trained_until="2013-11-30T23:00:00+00:00",
    verdict=Verdict(
        outcome=Outcome.PROMOTE,
        findings=(Finding(Reason.BEATS_CHAMPION, "It is better."), Finding(Reason.BEATS_BASELINE, "It is.")),
        intervals=(INTERVAL,),
        look=2,
        level=0.025,
    ),
    decided_at_s=1_700_000_000,
    metrics={"candidate_mae": 0.7},
)


def through_json(value: Any) -> Any:
    return json.loads(document(value))


def test_paired_losses_survive_json() -> None:
    assert Paired.from_json(through_json(PAIRED.to_json())) == PAIRED


def test_a_decision_survives_json() -> None:
    assert Decision.from_json(through_json(DECISION.to_json())) == DECISION


def test_numbers_that_are_not_finite_are_null_in_json_and_nan_again() -> None:
    spoiled = replace(
        PAIRED, series=(replace(ROWS, candidate=(math.nan, 1.0), champion=(math.inf, -math.inf)),)
    )
    value = through_json(spoiled.to_json())
    assert value["series"][0]["candidate"] == [None, 1.0]
    again = Paired.from_json(value).series[0]
    assert [math.isnan(x) for x in (*again.candidate, *again.champion)] == [True, False, True, True]


def test_metrics_that_are_not_finite_do_not_keep_a_decision_from_being_written() -> None:
    again = Decision.from_json(through_json(replace(DECISION, metrics={"mae": math.nan}).to_json()))
    assert math.isnan(again.metrics["mae"])


def test_whole_sums_in_json_are_read_as_decimals() -> None:
    value = through_json(PAIRED.to_json())
    value["series"][0]["baseline"] = [2, 4]
    again = Paired.from_json(value)
    assert again == PAIRED
    assert all(isinstance(x, float) for x in again.series[0].baseline)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rows",), "5"),
        (("rows",), 5.0),
        (("rows",), True),
        (("rows",), None),
        (("has_champion",), 1),
        (("has_champion",), "false"),
        (("train_overlap",), None),
        (("holdout_digest",), 7),
        (("holdout_from",), None),
        (("holdout_id",), None),
        (("series",), {}),
        (("series",), "abc"),
        (("series", 0), []),
        (("series", 0), None),
        (("series", 0, "loss"), "log loss"),
        (("series", 0, "loss"), []),
        (("series", 0, "slice"), 1),
        (("series", 0, "clusters"), "ab"),
        (("series", 0, "clusters"), [1, 2]),
        (("series", 0, "n"), [2.0, 3.0]),
        (("series", 0, "n"), [True, 3]),
        (("series", 0, "candidate"), ["1.0", 2.5]),
        (("series", 0, "candidate"), [[1.0], 2.5]),
        (("series", 0, "champion"), None),
        (("series", 0, "baseline"), [True, False]),
    ],
)
def test_other_types_are_no_paired_losses(path: tuple[Any, ...], value: object) -> None:
    whole = through_json(PAIRED.to_json())
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(Corrupt, match="not paired losses"):
        Paired.from_json(whole)


@pytest.mark.parametrize("key", [key for key in PAIRED.to_json() if key not in LATER])
def test_a_missing_key_is_no_paired_losses(key: str) -> None:
    value = through_json(PAIRED.to_json())
    del value[key]
    with pytest.raises(Corrupt, match=key):
        Paired.from_json(value)


def test_evidence_of_older_versions_is_counted_by_the_digest_of_its_rows() -> None:
    value = through_json(PAIRED.to_json())
    del value["holdout_id"]
    old = Paired.from_json(value)
    assert (old.holdout_id, old.identity) == ("", PAIRED.holdout_digest)


@pytest.mark.parametrize("key", list(ROWS.__dict__))
def test_a_missing_key_of_a_series_is_no_paired_losses(key: str) -> None:
    value = through_json(PAIRED.to_json())
    del value["series"][0][key]
    with pytest.raises(Corrupt, match=key):
        Paired.from_json(value)


@pytest.mark.parametrize("value", [None, [], "x", 3, {}, [1], ["ab"], [["a", "b"]]])
def test_other_json_is_neither(value: Any) -> None:
    for kind in (Paired, Decision):
        with pytest.raises(Corrupt):
            kind.from_json(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), None),
        (("verdict", "outcome"), "maybe"),
        (("verdict", "findings"), [{"reason": "luck", "sentence": "x"}]),
        (("verdict", "findings"), [{"reason": "no_gain"}]),
        (("verdict", "findings"), 3),
        (("verdict", "intervals"), [{"name": "mae"}]),
        (("verdict", "intervals"), [{**INTERVAL.__dict__, "more": 1}]),
        (("verdict", "more"), 1),
        (("compared_to",), []),
        (("compared_to",), {"more": 1}),
        (("metrics",), []),
        (("metrics",), {"mae": "low"}),
        (("more",), 1),
    ],
)
def test_other_forms_are_no_decision(path: tuple[str, ...], value: object) -> None:
    whole = through_json(DECISION.to_json())
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(Corrupt, match="not a decision"):
        Decision.from_json(whole)


def test_only_a_promotion_that_is_no_question_promotes() -> None:
    verdict = DECISION.verdict
    assert verdict.promotes
    assert not replace(verdict, what_if=True).promotes
    assert not replace(verdict, outcome=Outcome.REFUSE).promotes
    again = Decision.from_json(
        through_json(replace(DECISION, verdict=replace(verdict, what_if=True)).to_json())
    )
    assert not again.verdict.promotes


def test_a_verdict_reads_as_all_its_findings() -> None:
    assert DECISION.verdict.sentence == "It is better. It is."


def test_every_metric_has_a_loss_of_its_own() -> None:
    assert {loss_of(metric) for metric in Metric} == set(Loss)


def test_a_series_has_the_sums_of_each_contender() -> None:
    assert [ROWS.of(contender) for contender in Contender] == [ROWS.candidate, ROWS.champion, ROWS.baseline]


def test_series_are_found_by_loss_and_slice() -> None:
    assert PAIRED.get(Loss.ABSOLUTE) is ROWS
    assert PAIRED.get(Loss.SQUARED) is None
    assert PAIRED.get(Loss.ABSOLUTE, "origin=LGA") is None
    assert PAIRED.slices("origin") == ["origin=EWR", "origin=JFK"]
    assert PAIRED.slices("orig") == []


def test_evidence_by_an_unknown_rule_of_intervals_is_corrupt() -> None:
    value = through_json(PAIRED.to_json())
    with pytest.raises(Corrupt, match="cr9"):
        Paired.from_json({**value, "interval": "cr9"})
