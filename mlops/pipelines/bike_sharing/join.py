# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false

"""Hours with their weather, and the rentals that were known a week before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.bike_sharing.extract import TABLE
from mlops.pipelines.spec import Deliveries, Joined
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TIME = "starts_at"
KEY = (TIME,)
CLUSTER = "date"
TARGET = "rentals"

CALENDAR = ("hour", "weekday", "holiday", "working_day", "season")
WEATHER = ("weather", "temp", "humidity", "wind_speed")
LAST_WEEK = "rentals_last_week"
LEVEL, LEVEL_TEMP = "recent_rentals", "recent_temp"
KNOWN_BEFORE = (LAST_WEEK, LEVEL, LEVEL_TEMP)

HOURS_PER_WEEK = 7 * 24
#: How many hours a level is the mean of, and how many of them must be there.
LEVEL_HOURS, LEVEL_NEEDS = 4 * HOURS_PER_WEEK, 24
#: Longest time from the first hour to the last; a date that was mistyped would make a table of centuries.
MAX_YEARS = 100


def join(tables: Mapping[str, Deliveries]) -> Joined:
    """Return one row per hour, with the rentals of the same hour a week before and the recent level.

    Args:
        tables: ``rentals`` to its deliveries, with canonical dtypes.

    Returns:
        Rows sorted by ``starts_at``, the local time at which the hour begins. ``rentals_last_week`` is the
        number of the hour 168 hours earlier; ``recent_rentals`` and ``recent_temp`` are means over the four
        weeks that ended then. All three are known a week ahead, and missing where nothing was delivered.

    Raises:
        InputError: There are no rentals, a row has no time, an hour was delivered twice, or the first and the
            last are more than `MAX_YEARS` apart.
    """
    import pandas as pd

    deliveries = tables.get(TABLE) or {}
    if not deliveries:
        raise InputError("no arrival has delivered this table yet", where=f"table {TABLE}")
    rows = pd.concat(deliveries.values(), ignore_index=True)
    rows = rows.assign(**{TIME: _starts(rows)}).sort_values(TIME, kind="stable", ignore_index=True)
    _check_once(rows)
    _check_length(rows)
    rows = rows.assign(**_known_a_week_before(rows))
    columns = [TIME, CLUSTER, *CALENDAR, *WEATHER, *KNOWN_BEFORE, TARGET]
    return Joined(
        rows=rows[columns],
        dropped={},
        counts={
            "hours read": len(rows),
            "hours without rentals of last week": int(rows[LAST_WEEK].isna().sum()),
        },
    )


def _starts(rows: pd.DataFrame) -> pd.Series:
    import pandas as pd

    starts = rows["date"] + pd.to_timedelta(rows["hour"], unit="h")
    if starts.isna().any():
        raise InputError(f"{int(starts.isna().sum())} rows have no date", where=f"table {TABLE}")
    return starts.dt.as_unit("us")


def _check_once(rows: pd.DataFrame) -> None:
    twice = rows[TIME].duplicated()
    if twice.any():
        first = rows.loc[twice.to_numpy().argmax(), TIME]
        raise InputError(
            f"{int(twice.sum())} hours were delivered twice, the first is {first}",
            where=f"table {TABLE}",
            todo="arrivals of months, quarters and years must not overlap",
        )


def _check_length(rows: pd.DataFrame) -> None:
    first, last = rows[TIME].iloc[0], rows[TIME].iloc[-1]
    if last.year - first.year > MAX_YEARS:
        raise InputError(
            f"the hours are of {first.date()} to {last.date()}, more than {MAX_YEARS} years",
            where=f"table {TABLE}",
            todo="correct the date",
        )


def _known_a_week_before(rows: pd.DataFrame) -> dict[str, pd.Series]:
    import pandas as pd

    # On a grid of all hours a shift by rows is a shift in time: hours are missing where nobody counted.
    every_hour = pd.date_range(rows[TIME].iloc[0], rows[TIME].iloc[-1], freq="h", unit="us")
    earlier = rows.set_index(TIME)[[TARGET, "temp"]].reindex(every_hour).shift(HOURS_PER_WEEK)
    # Rounded, because a moving mean is exact only to its last digits.
    recent = earlier.rolling(LEVEL_HOURS, min_periods=LEVEL_NEEDS).mean().round(6)
    known = {LAST_WEEK: earlier[TARGET], LEVEL: recent[TARGET], LEVEL_TEMP: recent["temp"]}
    return {name: values.reindex(rows[TIME]).reset_index(drop=True) for name, values in known.items()}
