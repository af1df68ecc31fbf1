"""Paired losses derived again: in one go where that is enough, exactly where it is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.pipelines.tasks import Regression
from mlops.runs.evidence import ALL_ROWS, Contender, Paired, Series
from mlops.steps.audit import loss_sums
from mlops.steps.audit.loss_sums import groups_of, unproved_sums
from mlops.steps.evaluation.paired_losses import CLUSTER, TARGET, series


def made(rows: int, seed: int, *, champion: bool = True) -> tuple[pd.DataFrame, dict[str, list[str]], Paired]:
    """Return predictions, slices and the evidence that follows from them."""
    rng = np.random.default_rng(seed)
    predictions = pd.DataFrame({CLUSTER: [f"2013-03-{1 + d:02d}" for d in rng.integers(0, 9, rows)]})
    predictions[TARGET] = rng.normal(0, 40, rows)
    for contender in Contender:
        predictions[contender] = predictions[TARGET] + rng.normal(0, 10, rows)
    slices = {"origin": [str(o) for o in rng.choice(["EWR", "JFK", "LGA"], rows)]}
    took_part = [c for c in Contender if champion or c is not Contender.CHAMPION]
    if not champion:
        predictions[Contender.CHAMPION] = np.nan
    return (
        predictions,
        slices,
        paired(series(Regression(), predictions, slices, took_part), champion=champion),
    )


def paired(sums: tuple[Series, ...], *, champion: bool = True) -> Paired:
    return Paired("a" * 64, 0, champion, 0, "", "", "", sums)


def told(predictions: pd.DataFrame, slices: dict[str, list[str]], recorded: Paired) -> list[str]:
    groups = groups_of(predictions[CLUSTER].tolist(), slices)
    return list(unproved_sums(Regression(), predictions, groups, slices, recorded))


@given(rows=st.integers(1, 60), seed=st.integers(0, 2**32 - 1), champion=st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_follows_is_proved(rows: int, seed: int, champion: bool) -> None:
    assert told(*made(rows, seed, champion=champion)) == []


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_sum_that_does_not_follow_is_named(data: st.DataObject, seed: int) -> None:
    predictions, slices, recorded = made(50, seed)
    at = data.draw(st.integers(0, len(recorded.series) - 1))
    contender = data.draw(st.sampled_from(list(Contender)))
    sums = list(recorded.series[at].of(contender))
    place = data.draw(st.integers(0, len(sums) - 1))
    sums[place] = sums[place] * (1 + 1e-7) + 1e-7
    spoiled = dataclasses.replace(recorded.series[at], **{contender: tuple(sums)})
    everything = (*recorded.series[:at], spoiled, *recorded.series[at + 1 :])
    assert told(predictions, slices, paired(everything)) == [
        f"the {spoiled.loss.replace('_', ' ')} of {spoiled.slice} of the {contender} does not follow "
        "from the predictions"
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sums: sums[:-1],
        lambda sums: sums[::-1],
        lambda sums: (dataclasses.replace(sums[0], slice="origin=EWR"), *sums[1:]),
        lambda sums: (dataclasses.replace(sums[0], n=(*sums[0].n[:-1], sums[0].n[-1] + 1)), *sums[1:]),
        lambda sums: (dataclasses.replace(sums[0], clusters=sums[0].clusters[::-1]), *sums[1:]),
        lambda sums: (dataclasses.replace(sums[0], champion=()), *sums[1:]),
        lambda sums: (dataclasses.replace(sums[0], candidate=sums[0].candidate[:-1]), *sums[1:]),
        lambda sums: (
            dataclasses.replace(sums[0], baseline=(float("nan"), *sums[0].baseline[1:])),
            *sums[1:],
        ),
    ],
)
def test_evidence_of_another_shape_is_no_proof(spoil: object) -> None:
    predictions, slices, recorded = made(50, 7)
    assert told(predictions, slices, paired(spoil(recorded.series)))  # type: ignore[operator]


def test_sums_that_cancel_are_no_finding() -> None:
    predictions = pd.DataFrame({CLUSTER: ["d"] * 4, TARGET: [0.0] * 4})
    for contender in Contender:
        predictions[contender] = [1e16, 1.0, -1e16, 0.1]
    recorded = paired(series(Regression(), predictions, {}, list(Contender)))
    assert {s.candidate for s in recorded.series if s.slice == ALL_ROWS} != {(0.0,)}
    assert told(predictions, {}, recorded) == []


def test_nothing_is_derived_exactly_where_everything_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    predictions, slices, recorded = made(50, 7)

    def never(*_: object) -> None:
        raise AssertionError("derived exactly")

    monkeypatch.setattr(loss_sums, "series", never)
    assert told(predictions, slices, recorded) == []
