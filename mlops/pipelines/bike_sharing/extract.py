# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportGeneralTypeIssues=false

"""The raw table of rentals: its columns, its arrivals, and files of the published form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, Schema, conform
from mlops.pipelines.sources import FunctionSource, Options
from mlops.runs.errors import ConfigError, InputError, bounded

if TYPE_CHECKING:
    import pandas as pd

TABLE = "rentals"
YEARS = (2011, 2012)

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

_FORMS: Mapping[str, re.Pattern[str]] = {
    "month": re.compile(r"(?P<year>\d{4})-(?P<part>0[1-9]|1[0-2])"),
    "quarter": re.compile(r"(?P<year>\d{4})-Q(?P<part>[1-4])"),
    "year": re.compile(r"(?P<year>\d{4})"),
}


def source(options: Options) -> FunctionSource:
    """Open the synthetic rentals.

    Args:
        options: ``period``: how much one arrival holds, a ``month`` (the default), ``quarter`` or ``year``.

    Raises:
        ConfigError: There is no such option or period.
    """
    unknown = sorted(set(options) - {"period"})
    if unknown:
        raise ConfigError("the source of rentals has no such option; there is period", where=unknown[0])
    period = options.get("period", "month")
    if period not in _FORMS:
        raise ConfigError(f"no such period; there are {', '.join(_FORMS)}", where=bounded(period, 40))
    return FunctionSource(lambda: arrivals(period), extract)


def arrivals(period: str = "month") -> tuple[str, ...]:
    """Return the arrivals of the source, e.g. ``2011-01`` to ``2012-12``."""
    parts = {
        "month": [f"-{month:02d}" for month in range(1, 13)],
        "quarter": [f"-Q{quarter}" for quarter in range(1, 5)],
        "year": [""],
    }
    return tuple(f"{year}{part}" for year in YEARS for part in parts[period])


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the synthetic rentals of a month, quarter or year.

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
    """Return the rows of the month, quarter or year that an arrival is named after.

    Args:
        arrival: Such as ``2011-07``, ``2011-Q3`` or ``2011``.
        table: Name of the table, for the error.
        frame: Rows with canonical dtypes, of any time.

    Raises:
        InputError: The name is no period, or no row belongs to it.
    """
    year, months = _period(arrival)
    days = frame["date"].dt
    found = frame[(days.year == year) & days.month.isin(months)]
    if found.empty:
        raise InputError(
            f"there are no rows of {arrival}", where=f"table {table}", todo=_what_there_is(frame)
        )
    return found.reset_index(drop=True)


def _period(arrival: str) -> tuple[int, list[int]]:
    found = {name: match for name, form in _FORMS.items() if (match := form.fullmatch(arrival))}
    if not found:
        raise InputError(
            "the arrival is no month, quarter or year",
            where=bounded(arrival, 40),
            todo="write 2011-07, 2011-Q3 or 2011",
        )
    ((name, match),) = found.items()
    if name == "year":
        return int(match["year"]), list(range(1, 13))
    part = int(match["part"])
    return int(match["year"]), [part] if name == "month" else list(range(3 * part - 2, 3 * part + 1))


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
