# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportGeneralTypeIssues=false

"""The raw table of rentals: its columns, its arrivals, and files of the published form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.sources import FunctionSource, Options
from mlops.pipelines.sources.periods import bounds_of, declared
from mlops.runs.errors import InputError, bounded

if TYPE_CHECKING:
    import pandas as pd

TABLE = "rentals"
#: Arrivals of the synthetic rentals, where the settings name no others.
MONTHS = "2011-01..2012-12"

#: One row per hour of local time. Season 1 is winter, weekday 0 Sunday, weather 1 clear to 4 heavy rain or
#: snow; temperatures are shares of 41 and 50 degrees Celsius, humidity of 100 %, wind of 67 km/h.
SCHEMA: Schema = {
    "date": Kind.DATE,
    "hour": Kind.INTEGER,
    "season": Kind.INTEGER,
    "weekday": Kind.INTEGER,
    "holiday": Kind.INTEGER,
    "working_day": Kind.INTEGER,
    "weather": Kind.INTEGER,
    "temp": Kind.NUMBER,
    "feels_like": Kind.NUMBER,
    "humidity": Kind.NUMBER,
    "wind_speed": Kind.NUMBER,
    "casual": Kind.INTEGER,
    "registered": Kind.INTEGER,
    "rentals": Kind.INTEGER,
}

#: Columns of the published ``hour.csv`` to those of the table.
PUBLISHED: Mapping[str, str] = {
    "dteday": "date",
    "hr": "hour",
    "season": "season",
    "weekday": "weekday",
    "holiday": "holiday",
    "workingday": "working_day",
    "weathersit": "weather",
    "temp": "temp",
    "atemp": "feels_like",
    "hum": "humidity",
    "windspeed": "wind_speed",
    "casual": "casual",
    "registered": "registered",
    "cnt": "rentals",
}
#: Published columns that the day says too.
PUBLISHED_TWICE = ("instant", "yr", "mnth")


def source(options: Options) -> FunctionSource:
    """Open the synthetic rentals.

    Args:
        options: Settings of the source; ``arrivals`` may name other periods than months, e.g.
            ``2011-Q1..2012-Q4`` or ``2011..2012``.

    Raises:
        ConfigError: ``arrivals`` is no list or range.
    """
    arrivals = declared(options.get("arrivals") or MONTHS)
    return FunctionSource(lambda: arrivals, extract)


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the synthetic rentals of a year, quarter, month or day.

    Raises:
        InputError: The arrival is none of these, or of another time than the data.
    """
    from mlops.pipelines.bike_sharing import synthetic

    return {TABLE: select(arrival, TABLE, parse(TABLE, synthetic.rentals()))}


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a user's rows with the columns and dtypes of `SCHEMA`.

    A frame with a column ``dteday`` is taken for one of the published form.

    Raises:
        InputError: The pipeline has no such table, or a column is missing or unexpected or holds something
            else.
    """
    if table != TABLE:
        raise InputError(f"no such table; there is {TABLE}", where=table)
    return conform(table, _from_published(frame) if "dteday" in frame.columns else frame, SCHEMA)


def select(arrival: str, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the period that an arrival is named after.

    Args:
        arrival: A year, quarter, month or day: ``2011``, ``2011-Q3``, ``2011-07`` or ``2011-07-04``.
        table: Name of the table, for the error.
        frame: Rows with canonical dtypes, of any time.

    Raises:
        InputError: The name is no period, or no row belongs to it.
    """
    bounds = bounds_of(arrival)
    if bounds is None:
        raise InputError(
            "the arrival is no year, quarter, month or day",
            where=bounded(arrival, 40),
            todo="write 2011, 2011-Q3 or 2011-07",
        )
    begin, end = (frame["date"].dtype.type(day.isoformat(), "us") for day in bounds)
    found = frame[(frame["date"] >= begin) & (frame["date"] < end)]
    if found.empty:
        raise InputError(
            f"there are no rows of {arrival}", where=f"table {table}", todo=_what_there_is(frame)
        )
    return found.reset_index(drop=True)


def _what_there_is(frame: pd.DataFrame) -> str:
    if frame["date"].isna().all():
        return "no row has a date"
    first, last = frame["date"].min().date(), frame["date"].max().date()
    return f"the rows are of {first} to {last}"


def _from_published(frame: pd.DataFrame) -> pd.DataFrame:
    lacking = [name for name in PUBLISHED if name not in frame.columns]
    if lacking:
        raise InputError(
            f"columns missing: {', '.join(lacking)}",
            where=f"table {TABLE}",
            todo="take the file as published",
        )
    return frame.drop(columns=[*PUBLISHED_TWICE], errors="ignore").rename(columns=dict(PUBLISHED))
