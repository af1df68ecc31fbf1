# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""The raw table of segments: what the invented customers are like, in two designs that the source has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops.pipelines.schema import Kind, Schema, conform
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "segments"
SCHEMA: Schema = {
    "segment": Kind.TEXT,
    "share": Kind.NUMBER,
    "age": Kind.NUMBER,
    "income": Kind.NUMBER,
    "visits": Kind.NUMBER,
    "churn": Kind.NUMBER,
}

#: Arrival to segment: share of the customers, means of age, yearly income and visits a month, share leaving.
DESIGNS: Mapping[str, Mapping[str, tuple[float, float, float, float, float]]] = {
    "design-1": {
        "students": (0.25, 23.0, 14_000.0, 6.0, 0.30),
        "families": (0.45, 41.0, 52_000.0, 3.0, 0.12),
        "retired": (0.30, 70.0, 31_000.0, 2.0, 0.08),
    },
    "design-2": {
        "founders": (0.10, 34.0, 90_000.0, 4.0, 0.20),
    },
}


def extract(arrival: str) -> dict[str, pd.DataFrame]:
    """Return the segments of a design.

    Raises:
        InputError: There is no such design.
    """
    import pandas as pd

    if arrival not in DESIGNS:
        raise InputError(f"no such design; there are {', '.join(DESIGNS)}", where=arrival)
    rows = [(segment, *numbers) for segment, numbers in DESIGNS[arrival].items()]
    return {TABLE: parse(TABLE, pd.DataFrame(rows, columns=list(SCHEMA)))}


def parse(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a user's segments with the columns and dtypes of `SCHEMA`.

    Raises:
        InputError: The pipeline has no such table, or a column is missing or unexpected or holds something
            else.
    """
    if table != TABLE:
        raise InputError(f"no such table; there is {TABLE}", where=table)
    return conform(table, frame, SCHEMA)
