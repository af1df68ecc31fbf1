"""Evidence that the gate refuses before anything is compared."""

import math
from dataclasses import replace

import pytest

from mlops.runs.decisions import Outcome, Policy, Reason
from mlops.runs.digest import document
from mlops.runs.evidence import IntervalRule, Loss, Paired, Series
from mlops.runs.gate.verdict import decide
from tests.support.gate_answers import GUARDED, JFK, SOUND, reasons
from tests.support.losses import edited, evidence

# --- refusals of the evidence


def _first(values: tuple[float, ...], value: float) -> tuple[float, ...]:
    return (value, *values[1:])


def _without(paired: Paired, loss: Loss, name: str) -> Paired:
    kept = (s for s in paired.series if (s.loss, s.slice) != (loss, name))
    return replace(paired, series=tuple(kept))


def _cut(series: Series, clusters: int) -> Series:
    short = {
        key: getattr(series, key)[:clusters] for key in ("clusters", "n", "candidate", "champion", "baseline")
    }
    return replace(series, **short)


REFUSED = [
    pytest.param(
        _without(SOUND, Loss.ABSOLUTE, "all"),
        Reason.MISSING_EVIDENCE,
        "no absolute error of all",
        id="no series",
    ),
    pytest.param(
        _without(SOUND, Loss.SQUARED, "all"), Reason.MISSING_EVIDENCE, "no squared error", id="no guard"
    ),
    pytest.param(
        _without(SOUND, Loss.ABSOLUTE, JFK),
        Reason.MISSING_EVIDENCE,
        "no absolute error of origin=JFK",
        id="no slice",
    ),
    pytest.param(
        replace(SOUND, series=tuple(s for s in SOUND.series if s.slice != JFK)),
        Reason.MISSING_EVIDENCE,
        "absolute error by origin covers 180 of 375 rows",
        id="slice left out",
    ),
    pytest.param(
        replace(SOUND, series=tuple(s for s in SOUND.series if s.slice == "all")),
        Reason.MISSING_EVIDENCE,
        "no absolute error by origin",
        id="no slices",
    ),
    pytest.param(
        replace(SOUND, series=()), Reason.MISSING_EVIDENCE, "no absolute error of all", id="nothing"
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, champion=())),
        Reason.MISSING_EVIDENCE,
        "lacks the champion",
        id="no champion",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, baseline=())),
        Reason.MISSING_EVIDENCE,
        "lacks the baseline",
        id="no baseline",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, candidate=())),
        Reason.MISSING_EVIDENCE,
        "0 sums of the candidate",
        id="no candidate",
    ),
    pytest.param(
        replace(SOUND, has_champion=False),
        Reason.MISSING_EVIDENCE,
        "although none was scored",
        id="denied champion",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, candidate=s.candidate[1:])),
        Reason.MISSING_EVIDENCE,
        "has 29 sums of the candidate for 30 clusters",
        id="short sums",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, n=s.n[1:])),
        Reason.MISSING_EVIDENCE,
        "rows of 29 clusters, not of 30",
        id="short counts",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, n=(0, *s.n[1:]))),
        Reason.MISSING_EVIDENCE,
        "cluster without rows",
        id="no rows",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, n=(-5, *s.n[1:]))),
        Reason.MISSING_EVIDENCE,
        "cluster without rows",
        id="negative rows",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, n=(2**60, *s.n[1:]))),
        Reason.MISSING_EVIDENCE,
        "counted exactly",
        id="endless rows",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, clusters=(s.clusters[1], *s.clusters[1:]))),
        Reason.MISSING_EVIDENCE,
        "names a cluster twice",
        id="cluster twice",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, candidate=_first(s.candidate, -1.0)), Loss.SQUARED),
        Reason.MISSING_EVIDENCE,
        "negative sums of the candidate",
        id="negative loss",
    ),
    pytest.param(
        replace(SOUND, series=SOUND.series * 2), Reason.MISSING_EVIDENCE, "recorded twice", id="series twice"
    ),
    pytest.param(
        replace(SOUND, rows=374),
        Reason.MISSING_EVIDENCE,
        "absolute error of all rows covers 375 of 374 rows",
        id="wrong rows",
    ),
    pytest.param(replace(SOUND, rows=0), Reason.MISSING_EVIDENCE, "has 0 rows", id="empty holdout"),
    pytest.param(
        edited(SOUND, lambda s: replace(s, candidate=_first(s.candidate, math.nan)), Loss.ABSOLUTE, "all"),
        Reason.NOT_FINITE,
        "1 sum of the candidate, the first the absolute error of all rows in cluster 2013-12-01",
        id="nan",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, champion=_first(s.champion, math.inf)), Loss.SIGNED, JFK),
        Reason.NOT_FINITE,
        "1 sum of the champion",
        id="infinity",
    ),
    pytest.param(
        edited(SOUND, lambda s: replace(s, candidate=tuple(1e308 for _ in s.n))),
        Reason.NOT_FINITE,
        "too large",
        id="overflow",
    ),
    pytest.param(
        replace(SOUND, train_overlap=3), Reason.HOLDOUT_LEAKED, "3 rows of the holdout", id="overlap"
    ),
    pytest.param(
        replace(SOUND, candidate_trained_until=SOUND.holdout_from),
        Reason.HOLDOUT_LEAKED,
        "candidate was trained until 2013-12-01T00:00:00+00:00",
        id="candidate leaked",
    ),
    pytest.param(
        replace(SOUND, champion_trained_until="2013-12-31T00:00:00+00:00"),
        Reason.HOLDOUT_LEAKED,
        "champion was trained until 2013-12-31",
        id="champion leaked",
    ),
    pytest.param(
        replace(
            SOUND, candidate_trained_until="2013-12-01T00:30:00+01:00", holdout_from="2013-11-30T23:30:00"
        ),
        Reason.HOLDOUT_LEAKED,
        "candidate was trained until",
        id="same instant",
    ),
    pytest.param(
        replace(SOUND, candidate_trained_until=""), Reason.MISSING_EVIDENCE, "do not tell", id="no cut-off"
    ),
    pytest.param(
        replace(SOUND, holdout_from="December"), Reason.MISSING_EVIDENCE, "do not tell", id="no time"
    ),
    pytest.param(
        evidence(days=19),
        Reason.TOO_FEW_CLUSTERS,
        "Cannot tell from 19 clusters of all rows; at least 20",
        id="few clusters",
    ),
    pytest.param(
        replace(edited(SOUND, lambda s: _cut(s, 1), name=JFK), interval=IntervalRule.CR1),
        Reason.TOO_FEW_CLUSTERS,
        "1 cluster of origin=JFK",
        id="small slice, by the rule of before",
    ),
    pytest.param(
        replace(edited(SOUND, lambda s: _cut(s, 0), name=JFK), interval=IntervalRule.CR1),
        Reason.TOO_FEW_CLUSTERS,
        "0 clusters of origin=JFK",
        id="empty slice, by the rule of before",
    ),
]


@pytest.mark.parametrize(("paired", "reason", "words"), REFUSED)
def test_unfit_evidence_is_refused_with_its_reason(paired: Paired, reason: Reason, words: str) -> None:
    verdict = decide(paired, GUARDED, look=1)
    assert verdict.outcome is Outcome.REFUSE
    assert words in "\n".join(f.sentence for f in verdict.findings if f.reason is reason)


@pytest.mark.parametrize(("paired", "reason", "words"), REFUSED)
def test_refusals_can_be_written_and_read(paired: Paired, reason: Reason, words: str) -> None:
    assert decide(Paired.from_json(paired.to_json()), GUARDED, look=1) == decide(paired, GUARDED, look=1)
    assert words in document(decide(paired, GUARDED, look=1).sentence).decode()


def test_all_that_is_wrong_with_evidence_is_told_at_once() -> None:
    paired = edited(evidence(days=10), lambda s: replace(s, candidate=_first(s.candidate, math.nan)))
    paired = replace(_without(paired, Loss.SQUARED, "all"), train_overlap=1)
    verdict = decide(paired, GUARDED, look=1)
    assert verdict.intervals == ()
    assert [f.reason for f in verdict.findings] == [
        Reason.MISSING_EVIDENCE,
        Reason.NOT_FINITE,
        Reason.HOLDOUT_LEAKED,
        Reason.TOO_FEW_CLUSTERS,
    ]


def test_what_the_policy_does_not_ask_for_may_be_missing() -> None:
    policy = Policy(must_beat_baseline=False)
    lean = replace(
        SOUND, series=tuple(s for s in SOUND.series if (s.loss, s.slice) == (Loss.ABSOLUTE, "all"))
    )
    assert decide(edited(lean, lambda s: replace(s, baseline=())), policy, look=1).promotes


def test_a_holdout_that_is_no_period_may_lie_among_the_training_times() -> None:
    assert decide(replace(SOUND, holdout_from=""), GUARDED, look=1).promotes
    assert reasons(replace(SOUND, holdout_from="", train_overlap=1)) == [Reason.HOLDOUT_LEAKED]


def test_two_clusters_are_the_least_whatever_the_policy_says() -> None:
    policy = Policy(min_clusters=0)
    assert reasons(evidence(days=1), policy) == [Reason.TOO_FEW_CLUSTERS]
    assert decide(evidence(days=2), policy, look=1).intervals[0].clusters == 2


def test_every_sentence_is_one_bounded_line() -> None:
    long = "origin=" + "x" * 5000 + "\n\x1b[31m"
    renamed = tuple(replace(s, slice=long) if s.slice == JFK else s for s in SOUND.series)
    for paired in (replace(SOUND, series=renamed), evidence(candidate=30), *(p.values[0] for p in REFUSED)):
        assert isinstance(paired, Paired)
        for finding in decide(paired, GUARDED, look=1).findings:
            assert len(finding.sentence) < 400
            assert finding.sentence.isprintable()
            assert finding.sentence.endswith(".")
