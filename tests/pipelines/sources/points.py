"""A table small enough for tests of sources, and ways to write it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.pipelines.schema import Kind, conform
from mlops.pipelines.sources.configured import file_source, sql_source
from mlops.pipelines.sources.files import FileSource
from mlops.pipelines.sources.sql import SqlSource

SCHEMA = {"n": Kind.INTEGER, "x": Kind.NUMBER, "name": Kind.TEXT}
ROWS = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, None, -2.0], "name": ["a", "b", "é"]})
TABLES = ("points",)


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with canonical dtypes."""
    return conform(table, frame, SCHEMA)


def files(options: Mapping[str, Any], **arguments: Any) -> FileSource:
    """Return a source of files for the one table."""
    return file_source(options, TABLES, parse, **arguments)


PATTERN = "data/{arrival}/points.csv"


def source(folder: Path, pattern: str = PATTERN, **options: Any) -> FileSource:
    """Return a source of files below a folder."""
    return files({"folder": str(folder), "tables": {"points": pattern}, **options})


def sql(options: Mapping[str, Any]) -> SqlSource:
    """Return a source of a query for the one table."""
    return sql_source(options, TABLES, parse)


QUERY = "SELECT n, x, name FROM points WHERE day >= :begin AND day < :end ORDER BY n"


def write_sqlite(path: Path) -> Path:
    """Write a database with a row per month of 2020, and three in 2021."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE points (day TEXT, n INTEGER, x REAL, name TEXT)")
        rows: list[tuple[Any, ...]] = [(f"2020-{m:02d}-15", m, m / 2, f"p{m}") for m in range(1, 13)]
        rows += [
            ("2021-01-01", 21, 1.0, "new year"),
            ("2021-12-31", 22, None, "eve"),
            ("2021-06-01", 23, 2.5, "q"),
        ]
        connection.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


csv = functools.partial(pd.DataFrame.to_csv, index=False)
