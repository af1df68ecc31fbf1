"""Drift between tables: nothing for equal data, and the same in both directions where that must be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.steps.profiles.drift import drift, holm, psi

Counts = list[tuple[int, int]]
counts = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=30)
numbers = st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=1, max_size=60)
words = st.lists(st.sampled_from(["a", "b", "c", "d", ""]) | st.none(), min_size=1, max_size=60)
tables = st.one_of(numbers.map(lambda v: pd.DataFrame({"v": pd.Series(v, dtype="float64")})),
                   words.map(lambda v: pd.DataFrame({"v": pd.Series(v, dtype="str")})))  # fmt: skip


@given(counts)
def test_the_index_is_never_negative_and_the_same_in_both_directions(pairs: Counts) -> None:
    one, other = ([pair[side] for pair in pairs] for side in (0, 1))
    found = psi(one, other)
    assert found >= -1e-12
    assert found == pytest.approx(psi(other, one), abs=1e-9)


@given(counts, st.integers(2, 9))
def test_the_index_of_equal_shares_is_0_and_the_order_of_bins_is_nothing(pairs: Counts, times: int) -> None:
    filled = [max(pair[0], 1) for pair in pairs]
    assert psi(filled, [n * times for n in filled]) == pytest.approx(0.0, abs=1e-12)
    one, other = ([pair[side] for pair in pairs] for side in (0, 1))
    assert psi(one[::-1], other[::-1]) == pytest.approx(psi(one, other))


@given(tables)
def test_nothing_drifts_from_itself_in_any_order(frame: pd.DataFrame) -> None:
    (column,) = drift(frame, frame.sample(frac=1.0, random_state=1)).columns
    if column.psi is None:
        assert frame["v"].isna().all()
        return
    assert column.psi == pytest.approx(0.0, abs=1e-12)
    assert column.missing[0] == column.missing[1]
    assert not column.drifted
    if column.test:
        assert column.statistic == pytest.approx(0.0, abs=1e-9)
        assert column.p_value == pytest.approx(1.0)


@given(numbers, numbers)
def test_the_test_of_two_samples_is_the_same_in_both_directions(one: list[float], other: list[float]) -> None:
    frames = [pd.DataFrame({"v": pd.Series(values, dtype="float64")}) for values in (one, other)]
    (there,), (back,) = drift(frames[0], frames[1]).columns, drift(frames[1], frames[0]).columns
    assert there.missing == back.missing[::-1]
    if there.statistic is None or back.statistic is None:
        assert there.statistic is back.statistic
        return
    assert there.statistic == pytest.approx(back.statistic)
    assert there.p_value == pytest.approx(back.p_value)


@given(words, words)
def test_the_test_of_counts_is_the_same_in_both_directions(one: list[str], other: list[str]) -> None:
    frames = [pd.DataFrame({"v": pd.Series(values, dtype="str")}) for values in (one, other)]
    (there,), (back,) = drift(frames[0], frames[1]).columns, drift(frames[1], frames[0]).columns
    # A value that only one has is a bin of its own in one direction, and among the others in the other.
    if set(frames[0]["v"].dropna()) != set(frames[1]["v"].dropna()) or there.statistic is None:
        return
    assert back.statistic is not None
    assert there.statistic == pytest.approx(back.statistic)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.psi == pytest.approx(back.psi)


@given(st.lists(st.floats(0, 1) | st.none(), max_size=20))
def test_a_corrected_p_value_is_no_smaller_and_keeps_the_order(p_values: list[float | None]) -> None:
    corrected = holm(p_values)
    known = [(p, c) for p, c in zip(p_values, corrected, strict=True) if p is not None and c is not None]
    assert [c is None for c in corrected] == [p is None for p in p_values]
    assert all(p <= c <= 1 for p, c in known)
    ordered = [c for _, c in sorted(known)]
    assert ordered == sorted(ordered)
    assert not np.isnan(ordered).any()
    assert math.isfinite(sum(ordered))
