"""What the suites of flights let pass, and what they stop."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from mlops.adapters.validation.suites import validate
from mlops.pipelines.spec import Joined, PipelineSpec
from tests.pipelines.conftest import suite

Damage = Callable[[pd.DataFrame], pd.DataFrame]

pytestmark = pytest.mark.slow


def _set(column: str, value: object) -> Damage:
    """Return the damage of one wrong cell."""

    def damage(frame: pd.DataFrame) -> pd.DataFrame:
        broken = frame.copy()
        broken[column] = broken[column].where(broken.index != 3, value)  # pyright: ignore[reportArgumentType]
        return broken

    return damage


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.head(1)], ignore_index=True)


@pytest.fixture(scope="module")
def month(spec: PipelineSpec) -> dict[str, pd.DataFrame]:
    return dict(spec.source({}).extract("2013-02"))


def test_every_month_passes_and_a_wind_of_1048_mph_is_a_warning(spec: PipelineSpec) -> None:
    found = {}
    for arrival in spec.source({}).arrivals():
        for table, frame in spec.source({}).extract(arrival).items():
            report = validate(table, frame, suite(table))
            assert report.success, (arrival, report.failures)
            found |= {(arrival, check.name): check.count for check in report.failures}
    assert found == {("2013-02", "expect_column_values_to_be_between(wind_speed) 2"): 1}


@pytest.mark.parametrize("table", ["flights", "weather", "planes"])
def test_a_month_passes(month: dict[str, pd.DataFrame], table: str) -> None:
    assert validate(table, month[table], suite(table)).success


def test_joined_rows_pass(spring: Joined) -> None:
    report = validate("processed", spring.rows, suite("processed"))
    assert report.success
    assert not report.failures


BROKEN: list[tuple[str, str, Damage]] = [
    ("flights", "month", _set("month", 13)),
    ("flights", "month", _set("month", 0)),
    ("flights", "month", _set("month", 5)),
    ("flights", "distance", _set("distance", -500)),
    ("flights", "distance", _set("distance", 0)),
    ("flights", "origin", _set("origin", "BOS")),
    ("flights", "arr_delay", _set("arr_delay", 99_999.0)),
    ("flights", "arr_delay", lambda f: f.assign(arr_delay=float("nan"))),
    ("flights", "dep_delay", _set("dep_delay", -9_999.0)),
    ("flights", "month", lambda f: f.rename(columns={"month": "mnth"})),
    ("flights", "time_hour, carrier, flight", _twice),
    ("flights", "time_hour", _set("time_hour", pd.NaT)),
    ("flights", "", lambda f: f.head(0)),
    ("weather", "temp", _set("temp", 451.0)),
    ("weather", "origin, time_hour", _twice),
    ("weather", "wind_speed", _set("wind_speed", -1.0)),
    ("weather", "hour", _set("hour", 24)),
    ("planes", "tailnum", _twice),
    ("planes", "seats", _set("seats", 0)),
    ("planes", "year", _set("year", 203.0)),
]


@pytest.mark.parametrize(("table", "column", "damage"), BROKEN)
def test_a_broken_month_is_stopped(
    month: dict[str, pd.DataFrame], table: str, column: str, damage: Damage
) -> None:
    report = validate(table, damage(month[table]), suite(table))
    blocking = {check.column for check in report.failures if check.severity == "error"}
    assert column in blocking
    assert not report.success


BROKEN_ROWS: list[tuple[str, Damage]] = [
    ("departs_at, observed_by", lambda f: f.assign(observed_by=f["departs_at"])),
    ("arr_delay", _set("arr_delay", None)),
    ("dep_delay", _set("dep_delay", None)),
    ("origin", _set("origin", "BOS")),
    ("distance", _set("distance", -1)),
    ("", lambda f: f.head(999)),
]


@pytest.mark.parametrize(("column", "damage"), BROKEN_ROWS)
def test_rows_that_nobody_may_learn_from_are_stopped(spring: Joined, column: str, damage: Damage) -> None:
    report = validate("processed", damage(spring.rows.head(2_000)), suite("processed"))
    assert column in {check.column for check in report.failures if check.severity == "error"}
