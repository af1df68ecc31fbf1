# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

"""Flights, the planes that flew them and the weather that was known when they were due to leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.spec import Deliveries, Joined
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

KEY = ("time_hour", "carrier", "flight")
TARGET = "arr_delay"
TIME = "departs_at"
CLUSTER = "departs_on"

FLIGHT_COLUMNS = (
    "year",
    "month",
    "day",
    "dep_delay",
    "sched_dep_time",
    "sched_arr_time",
    "carrier",
    "origin",
    "dest",
    "distance",
)
PLANE_COLUMNS: Mapping[str, str] = {
    "year": "plane_year",
    "seats": "plane_seats",
}
WEATHER_COLUMNS = (
    "temp",
    "dewp",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
#: Latest time at which the joined observation can have been made; missing where there is no observation.
OBSERVED = "observed_by"

#: Weather older than this is not the weather at departure: it counts as unknown.
MAX_AGE_H = 6
NO_TARGET = "no arrival delay (cancelled or diverted)"


def join(tables: Mapping[str, Deliveries]) -> Joined:
    """Return one row per flight that arrived, with its plane and the last weather known before departure.

    Args:
        tables: ``flights``, ``weather`` and ``planes`` to their deliveries, with canonical dtypes.

    Returns:
        Rows sorted by ``departs_at`` and key. ``departs_at`` is the scheduled departure (UTC),
        ``departs_on`` its calendar day in New York (midnight, no zone), ``observed_by`` is earlier than
        ``departs_at`` or missing. Plane columns are missing for planes that are not in the registry.

    Raises:
        InputError: There are no flights, or a scheduled departure is not a time.
    """
    flights = _departures(_stacked(tables, "flights"))
    planes = _stacked(tables, "planes").drop_duplicates("tailnum", keep="last")
    weather = _observations(_stacked(tables, "weather"))
    arrived = flights[flights[TARGET].notna()]
    known = arrived.merge(
        planes[["tailnum", *PLANE_COLUMNS]].rename(columns=dict(PLANE_COLUMNS)),
        on="tailnum",
        how="left",
        validate="many_to_one",
    )
    rows = _with_weather(known, weather)
    return Joined(
        rows=rows,
        dropped={NO_TARGET: len(flights) - len(arrived)},
        counts={
            "flights read": len(flights),
            "weather observations read": len(weather),
            "planes read": len(planes),
            "flights without a known plane": int(rows["plane_seats"].isna().sum()),
            "flights without known weather": int(rows[OBSERVED].isna().sum()),
        },
    )


def _stacked(tables: Mapping[str, Deliveries], table: str) -> pd.DataFrame:
    import pandas as pd

    deliveries = tables.get(table) or {}
    if not deliveries:
        raise InputError("no arrival has delivered this table yet", where=f"table {table}")
    # Deliveries are ascending by arrival, so that the newest entry of the registry is the last one.
    return pd.concat(deliveries.values(), ignore_index=True)


def _departures(flights: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    try:
        days = pd.to_datetime(flights[["year", "month", "day"]]).dt.as_unit("us")
    except ValueError as error:
        raise InputError(f"not a calendar day: {error}", where="table flights") from error
    # `hour` and `minute` are scheduled local time; `time_hour` is that hour in UTC, daylight saving included.
    departs_at = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    _check_days(days, departs_at)
    return flights.assign(**{CLUSTER: days, TIME: departs_at.dt.as_unit("us")})


def _check_days(days: pd.Series, departs_at: pd.Series) -> None:
    import pandas as pd

    # A day of New York begins 4 or 5 hours after the same day of UTC, and one day has 25 hours.
    since_midnight_utc = departs_at.dt.tz_localize(None) - days
    agree = since_midnight_utc.between(pd.Timedelta(hours=4), pd.Timedelta(hours=29))
    if not agree.all():
        raise InputError(
            f"{int((~agree).sum())} flights leave on another day than their time in UTC says",
            where="table flights",
            todo="correct year, month and day or time_hour",
        )


def _observations(weather: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    # `time_hour` is the hour an observation was made in, rounded down: one of 9:51 stands at 9:00 and would
    # be the future to a flight of 9:30. It is known for certain only when its hour is over.
    observed_by = (weather["time_hour"] + pd.Timedelta(hours=1)).dt.as_unit("us")
    known = weather[["origin", *WEATHER_COLUMNS]].assign(**{OBSERVED: observed_by})
    return known.dropna(subset=[OBSERVED]).sort_values([OBSERVED, "origin"], kind="stable")


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    joined = pd.merge_asof(
        flights.sort_values([TIME, *KEY], kind="stable", ignore_index=True),
        weather,
        left_on=TIME,
        right_on=OBSERVED,
        by="origin",
        direction="backward",
        allow_exact_matches=False,
        tolerance=pd.Timedelta(hours=MAX_AGE_H),
    )
    columns = [*KEY, TIME, CLUSTER, *FLIGHT_COLUMNS, *PLANE_COLUMNS.values(), *WEATHER_COLUMNS]
    unique = list(dict.fromkeys([*columns, OBSERVED, TARGET]))
    return joined[unique]
