"""The rows of tabular-lab: the same from the same parameters, and each parameter does what it says."""

from __future__ import annotations

import pandas as pd
import pytest

from mlops.pipelines import pipeline
from mlops.pipelines.tabular_lab.designs import extract
from mlops.runs.errors import ConfigError, InputError

SPEC = pipeline("tabular-lab")


def rows(*arrivals: str, **params: float) -> pd.DataFrame:
    read = {arrival: extract(arrival)["segments"] for arrival in arrivals or ("design-1",)}
    return SPEC.rows({"segments": read}, SPEC.parameters(params)).rows


def test_the_same_parameters_give_the_same_rows() -> None:
    pd.testing.assert_frame_equal(rows(), rows())
    assert len(rows()) == 2000
    assert not rows(seed=8).equals(rows())


def test_drift_moves_incomes_and_visits_and_nothing_else() -> None:
    before, after = rows(), rows(drift=1.0)
    kept = ["customer", "segment", "age", "signed_up", "churned"]
    pd.testing.assert_frame_equal(before[kept], after[kept])
    assert after["income"].mean() > before["income"].mean() * 1.2
    assert after["visits"].mean() < before["visits"].mean() * 0.8


def test_noise_widens_and_missing_removes() -> None:
    still = rows(noise=0.0)
    assert set(still["age"]) == {23, 41, 70}
    assert rows(noise=2.0)["income"].std() > rows()["income"].std()
    assert rows(missing=0.0)["income"].notna().all()
    assert 0.4 < rows(missing=0.5)["income"].isna().mean() < 0.6


def test_a_second_design_adds_its_segments() -> None:
    assert set(rows("design-1", "design-2")["segment"]) == {"families", "founders", "retired", "students"}


@pytest.mark.parametrize(
    "params", [{"rows": 0}, {"seed": -1}, {"noise": 11.0}, {"missing": 0.6}, {"drift": float("nan")}]
)
def test_parameters_out_of_range_are_refused(params: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        SPEC.parameters(params)


def test_segments_that_nobody_belongs_to_are_refused() -> None:
    empty = extract("design-1")["segments"].assign(share=0.0)
    with pytest.raises(InputError, match="shares"):
        SPEC.rows({"segments": {"design-1": empty}}, SPEC.parameters({}))
    with pytest.raises(InputError, match="design-1, design-2"):
        extract("design-3")
