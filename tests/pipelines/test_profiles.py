"""Profiles and drift of tables: plain numbers, odd columns, and tests against what scipy says by itself."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlops.runs.digest import document
from mlops.steps.profiles.drift import drift, holm, psi
from mlops.steps.profiles.page import profile_page
from mlops.steps.profiles.profile import Profile, profile


def test_a_profile_counts_and_comes_back_from_json() -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 2, 5],
            "x": [0.5, np.nan, np.inf, 1.5],
            "t": pd.to_datetime(["2024-01-01", None, "2024-01-03", "2024-01-03"], utc=True),
            "s": ["a|b", None, "a|b", "c"],
            "b": [True, False, True, True],
        }
    )
    found = profile("things", frame)
    n, x, t, s, b = found.columns
    assert (n.kind, n.minimum, n.maximum, n.mean, n.quantiles["0.5"]) == ("integer", 1.0, 5.0, 2.5, 2.0)
    assert (x.kind, x.missing, x.infinite, x.maximum) == ("number", 1, 1, 1.5)
    assert (t.kind, t.minimum, t.missing) == ("time", "2024-01-01T00:00:00+00:00", 1)
    assert (s.kind, s.distinct, s.top) == ("text", 2, (("a|b", 2), ("c", 1)))
    assert (b.kind, b.top) == ("truth", (("True", 3), ("False", 1)))
    assert n.histogram is not None
    assert sum(n.histogram.counts) == 4
    assert Profile.from_json(found.to_json()) == found
    assert document(found.to_json()) == document(profile("things", frame).to_json())
    assert b"a\\|b" in profile_page(found, "Things")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [None, None],
        [3.0, 3.0],
        [-1.7e308, 1.7e308],
        [1.0, np.nextafter(1.0, 2.0)],
        ["x" * 100_000],
        [[1], [2]],
        [b"\xff", b"x"],
        [1, "x", None, 2.5],
    ],
)
def test_odd_columns_have_a_profile(values: list[object]) -> None:
    found = profile("odd", pd.DataFrame({"v": values}))
    assert found.rows == len(values)
    assert len(profile_page(found, "odd")) < 20_000
    document(found.to_json())


def test_drift_is_found_where_there_is_some() -> None:
    rng = np.random.default_rng(1)
    first = pd.DataFrame({"x": rng.normal(size=500), "y": rng.normal(size=500), "c": ["a", "b"] * 250})
    second = pd.DataFrame(
        {"x": rng.normal(1.0, size=400), "y": rng.normal(size=400), "c": ["a"] * 300 + ["z"] * 100, "new": 1}
    )
    found = drift(first, second)
    x, y, c = found.columns
    assert (x.drifted, y.drifted, c.drifted) == (True, False, True)
    assert x.p_value == pytest.approx(stats.ks_2samp(first["x"], second["x"]).pvalue)
    assert x.psi is not None
    assert x.psi > 0.25
    assert (found.added, found.removed) == (("new",), ())
    document(found.to_json())


def test_a_few_rows_show_nothing() -> None:
    found = drift(pd.DataFrame({"x": [1.0, 2.0, 3.0]}), pd.DataFrame({"x": [9.0]}))
    assert found.columns[0].p_value == pytest.approx(0.5)
    assert not found.columns[0].drifted


def test_nothing_drifts_from_itself() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "c": ["a", "a", "b"], "empty": [None, None, None]})
    found = drift(frame, frame)
    assert not any(column.drifted for column in found.columns)
    assert found.columns[0].psi == pytest.approx(0.0)
    assert found.columns[2].psi is None


def test_the_index_and_the_correction_are_those_of_the_textbook() -> None:
    assert psi([50, 50], [25, 75]) == pytest.approx(-0.25 * math.log(0.5) + 0.25 * math.log(1.5))
    assert holm([0.01, None, 0.04, 0.03]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(0.06),
    ]
