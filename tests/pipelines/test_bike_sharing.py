"""Rentals: files of the published form, what is known a week before, and what the suites stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.adapters.validation.suites import validate
from mlops.pipelines import pipeline
from mlops.pipelines.bike_sharing import extract, synthetic
from mlops.pipelines.bike_sharing.join import MAX_YEARS
from mlops.pipelines.spec import Joined
from mlops.runs.errors import ConfigError, InputError
from tests.pipelines.conftest import EXPECTATIONS

SPEC = pipeline("bike-sharing")

#: Made up, in the form of the published hour.csv.
PUBLISHED = """\
instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,\
temp,atemp,hum,windspeed,casual,registered,cnt
1,2011-01-31,1,0,1,23,0,1,1,1,0.3,0.31,0.8,0.1,3,10,13
2,2011-02-01,1,0,2,0,0,2,1,2,0.28,0.27,0.75,0.2,1,4,5
3,2011-02-01,1,0,2,1,0,2,1,2,0.26,0.26,0.7,0.2,0,2,2
4,2011-05-30,2,0,5,12,1,1,0,1,0.6,0.6,0.5,0.0,40,60,100
"""


def published(tmp_path: Path, text: str = PUBLISHED) -> pd.DataFrame:
    path = tmp_path / "hour.csv"
    path.write_text(text)
    return extract.parse("rentals", pd.read_csv(path))


def joined(frame: pd.DataFrame) -> Joined:
    return SPEC.join({"rentals": {"2011": frame}})


def test_a_published_file_is_mapped(tmp_path: Path) -> None:
    frame = published(tmp_path)
    assert list(frame.columns) == list(extract.SCHEMA)
    assert frame.iloc[3].to_dict() == {
        "date": pd.Timestamp("2011-05-30"),
        "hour": 12,
        "season": 2,
        "weekday": 1,
        "holiday": 1,
        "working_day": 0,
        "weather": 1,
        "temp": 0.6,
        "feels_like": 0.6,
        "humidity": 0.5,
        "wind_speed": 0.0,
        "casual": 40,
        "registered": 60,
        "rentals": 100,
    }
    assert str(frame["date"].dtype) == "datetime64[us]"


@pytest.mark.parametrize(
    ("arrival", "hours"), [("2011-01", 1), ("2011-02", 2), ("2011-Q1", 3), ("2011-Q2", 1), ("2011", 4)]
)
def test_an_arrival_takes_its_rows_out_of_a_whole_file(tmp_path: Path, arrival: str, hours: int) -> None:
    assert len(extract.select(arrival, "rentals", published(tmp_path))) == hours


@pytest.mark.parametrize(
    ("arrival", "message"),
    [
        ("2012-01", "no rows of 2012-01.*2011-01-31 to 2011-05-30"),
        ("2011-13", "no year, quarter, month or day"),
        ("2011-Q5", "no year, quarter, month or day"),
        ("spring", "no year, quarter, month or day"),
    ],
)
def test_an_arrival_without_rows_or_period_is_refused(tmp_path: Path, arrival: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        extract.select(arrival, "rentals", published(tmp_path))
    assert pd.Series([str(raised.value) + str(raised.value.todo)]).str.contains(message).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("cnt\n", "count\n"), "columns missing: cnt"),
        (("2011-05-30", "30.5.2011"), "column date must hold calendar days"),
        (("2011-05-30", "2011-05-30T12:00"), "column date must hold calendar days"),
        (("40,60,100", "40,60,"), "column rentals must hold whole numbers: row 3 is empty"),
        (("dteday", "day"), "columns missing: date"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        published(tmp_path, PUBLISHED.replace(*change))


@pytest.mark.parametrize(
    ("options", "first", "count"),
    [
        ({}, "2011-01", 24),
        ({"arrivals": "2011-Q1..2012-Q4"}, "2011-Q1", 8),
        ({"arrivals": "2011..2012", "cache": "x"}, "2011", 2),
    ],
)
def test_arrivals_are_months_quarters_or_years(options: dict[str, str], first: str, count: int) -> None:
    source = SPEC.source(options)
    assert (source.arrivals()[0], len(source.arrivals())) == (first, count)
    frames = [source.extract(arrival)["rentals"] for arrival in source.arrivals()]
    pd.testing.assert_frame_equal(
        pd.concat(frames, ignore_index=True), extract.parse("rentals", synthetic.rentals())
    )


def test_two_years_are_made_alike_and_add_up() -> None:
    first = synthetic.rentals()
    synthetic.rentals.cache_clear()
    pd.testing.assert_frame_equal(first, synthetic.rentals())
    assert len(first) == 731 * 24
    assert (first["casual"] + first["registered"] == first["rentals"]).all()
    yearly = first.groupby(first["date"].dt.year)["rentals"].mean()
    assert 1.3 < yearly[2012] / yearly[2011] < 1.9


def test_what_a_row_knows_is_a_week_old() -> None:
    """Other rentals and temperatures within the last week and later change nothing that a row is given."""
    frame = extract.extract("2011-Q1")["rentals"]
    rows = joined(frame).rows
    at = 40 * 24 + 5
    changed = frame.copy()
    recent = changed.index > at - 7 * 24
    changed.loc[recent, "rentals"] += 1000
    other = joined(changed).rows
    known = ["rentals_last_week", "recent_rentals", "recent_temp"]
    pd.testing.assert_frame_equal(rows.loc[:at, known], other.loc[:at, known])
    assert (other.loc[at + 1 :, "recent_rentals"] > rows.loc[at + 1 :, "recent_rentals"]).all()
    assert rows.loc[at, "rentals_last_week"] == frame.loc[at - 7 * 24, "rentals"]
    window = frame.loc[max(at - 35 * 24 + 1, 0) : at - 7 * 24, "rentals"]
    assert rows.loc[at, "recent_rentals"] == pytest.approx(window.mean(), abs=1e-5)


def test_hours_that_nobody_counted_leave_what_follows_from_them_missing() -> None:
    frame = extract.extract("2011-01")["rentals"]
    rows = joined(frame.drop(index=[30])).rows.set_index("starts_at")
    assert pd.isna(rows.loc["2011-01-09 06:00", "rentals_last_week"])
    # One of the first week is not there, and one a week later has nothing to look back to.
    assert rows["rentals_last_week"].isna().sum() == 7 * 24 - 1 + 1
    assert joined(frame).counts["hours without rentals of last week"] == 7 * 24


def test_the_baseline_is_last_week_or_the_mean_of_the_hour() -> None:
    rows = joined(extract.extract("2011-01")["rentals"]).rows
    found = SPEC.baseline(rows, rows)
    assert found[200] == rows["rentals_last_week"][200] == rows["rentals"][200 - 168]
    assert found[5] == pytest.approx(rows.loc[rows["hour"] == 5, "rentals"].mean())


def test_hours_that_overlap_or_centuries_stop_the_join() -> None:
    frame = extract.extract("2011-01")["rentals"]
    with pytest.raises(InputError, match="744 hours were delivered twice, the first is 2011-01-01 00:00:00"):
        SPEC.join({"rentals": {"2011": frame, "2011-01": frame}})
    late = frame.assign(date=frame["date"].where(frame.index != 743, pd.Timestamp("9011-01-31")))
    with pytest.raises(InputError, match=f"more than {MAX_YEARS} years"):
        joined(late)
    with pytest.raises(InputError, match="have no date"):
        joined(frame.assign(date=pd.NaT))
    with pytest.raises(InputError, match="no arrival has delivered"):
        SPEC.join({})


def test_a_model_follows_a_demand_that_it_never_saw() -> None:
    rows = joined(extract.extract("2011-Q1")["rentals"]).rows
    taken = rows[list(SPEC.model_input)]
    for loss in ("poisson", "absolute_error"):
        model = SPEC.model(SPEC.parameters({"max_iter": 20, "loss": loss}), 7).fit(taken, rows["rentals"])
        eight_times = taken.assign(
            recent_rentals=taken["recent_rentals"] * 8, rentals_last_week=taken["rentals_last_week"] * 8
        )
        known = taken["recent_rentals"].notna().to_numpy()
        assert model.predict(eight_times)[known] == pytest.approx(8 * model.predict(taken)[known])
        assert np.isfinite(model.predict(taken)).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "huber"}, "poisson, absolute_error"),
        ({"max_iter": 0}, "1 to 1000"),
        ({"learning_rate": 2}, "at most 1"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SPEC.parameters(params)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("hour", 24),
        ("season", 0),
        ("weekday", 7),
        ("working_day", 2),
        ("weather", 5),
        ("temp", 21.0),
        ("humidity", 81.0),
        ("casual", -1),
        ("rentals", 0),
        ("date", pd.NaT),
    ],
)
def test_the_suite_stops_a_wrong_cell(column: str, value: object) -> None:
    frame = extract.extract("2011-02")["rentals"]
    busiest = int(frame["casual"].to_numpy().argmax())
    broken = frame.assign(**{column: frame[column].where(frame.index != busiest, value)})  # pyright: ignore[reportArgumentType]
    suite = json.loads((EXPECTATIONS / "bike-sharing" / "rentals.json").read_text())
    report = validate("rentals", broken, suite)
    assert not report.success
    assert any(column in check.column for check in report.failures)
