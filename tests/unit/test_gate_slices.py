"""Guarded slices that are too small to judge: they are named, and neither hold nor fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops.runs.decisions import Guard, NotJudged, Policy, Reason
from mlops.runs.evidence import Contender, IntervalRule, Metric, Paired
from mlops.runs.gate.verdict import decide
from tests.support.losses import Row, aggregate, rows_of

POLICY = Policy(guards=(Guard(Metric.RMSE, 5.0), Guard(Metric.MAE, 0.5, by="origin")))
WORSE = {Contender.CANDIDATE: 40.0, Contender.CHAMPION: 1.0, Contender.BASELINE: 20.0}


def with_rare(rows: int, clusters: int, errors: dict[Contender, float] = WORSE) -> Paired:
    """Return evidence of a better candidate, with a rare origin on which it is worse."""
    days = [f"2013-12-{1 + i % clusters:02d}" for i in range(rows)]
    return aggregate([*rows_of(), *(Row(day, "EWR", errors) for day in days)])


def test_a_slice_of_three_rows_cannot_block_a_promotion() -> None:
    verdict = decide(with_rare(3, 3), POLICY, look=1)
    assert verdict.promotes
    assert verdict.not_judged == (NotJudged("mae origin=EWR", 3, 3, 30, 5),)
    assert verdict.not_judged[0].sentence == (
        "mae origin=EWR: 3 rows of 3 clusters, below the minimum of 30 rows, not judged."
    )
    assert [i.name for i in verdict.intervals if "origin" in i.name] == ["mae origin=JFK", "mae origin=LGA"]


@pytest.mark.parametrize(("rows", "clusters"), [(30, 4), (29, 29), (1, 1)])
def test_both_rows_and_clusters_must_suffice(rows: int, clusters: int) -> None:
    (found,) = decide(with_rare(rows, clusters), POLICY, look=1).not_judged
    assert (found.rows, found.clusters) == (rows, clusters)


def test_a_slice_at_the_minimum_is_judged() -> None:
    verdict = decide(with_rare(30, 5), POLICY, look=1)
    assert verdict.not_judged == ()
    assert Reason.GUARD_FAILED in {finding.reason for finding in verdict.findings}


def test_the_policy_says_what_is_too_small() -> None:
    stricter = replace(POLICY, min_slice_rows=3, min_slice_clusters=3)
    assert not decide(with_rare(3, 3), stricter, look=1).promotes
    a_little_worse = {**WORSE, Contender.CANDIDATE: 2.0}
    assert not decide(with_rare(30, 5, a_little_worse), POLICY, look=1).promotes
    laxer = replace(POLICY, min_slice_rows=31)
    assert decide(with_rare(30, 5, a_little_worse), laxer, look=1).promotes


def test_all_rows_are_always_judged() -> None:
    verdict = decide(with_rare(3, 3), replace(POLICY, min_slice_rows=1_000_000), look=1)
    assert [i.name for i in verdict.intervals] == ["mae", "mae", "rmse"]
    assert len(verdict.not_judged) == 3
    everywhere = with_rare(300, 25)
    refused = decide(everywhere, replace(POLICY, min_slice_rows=1_000_000), look=1)
    assert not refused.promotes


def test_small_slices_still_have_to_cover_the_holdout() -> None:
    found = with_rare(3, 3)
    hidden = replace(found, series=tuple(s for s in found.series if s.slice != "origin=EWR"))
    verdict = decide(hidden, POLICY, look=1)
    assert {finding.reason for finding in verdict.findings} == {Reason.MISSING_EVIDENCE}


def test_evidence_of_before_is_judged_in_every_slice() -> None:
    found = replace(with_rare(3, 3), interval=IntervalRule.CR1)
    verdict = decide(found, POLICY, look=1)
    assert verdict.not_judged == ()
    assert not verdict.promotes
