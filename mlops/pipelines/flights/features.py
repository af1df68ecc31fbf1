# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Every derived feature: pure functions from model input to what the trees see, saved inside the model.

A saved model names these functions. Changing what one returns changes every saved model: add another one
under another name instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

OFFSET = "dep_delay"
CATEGORIES = ("carrier", "origin", "dest")
MINUTES_PER_DAY = 1440
AS_THEY_ARE = (
    "dep_delay",
    "distance",
    "plane_seats",
    "temp",
    "dewp",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each row, in the order of ``rows``.

    Args:
        rows: Model input of the flights pipeline.

    Returns:
        `CATEGORIES` as text, `AS_THEY_ARE` and the derived numbers: ``weekday`` (Monday 0), ``departs_min``
        and ``arrives_min`` (scheduled, minutes since local midnight), ``scheduled_min`` (minutes on the
        clock between the two), ``miles_per_min`` (distance over those), ``plane_age`` (years).
    """
    import pandas as pd

    departs = minute_of_day(rows["sched_dep_time"])
    arrives = minute_of_day(rows["sched_arr_time"])
    scheduled = (arrives - departs) % MINUTES_PER_DAY
    derived = {
        "weekday": pd.to_datetime(rows[["year", "month", "day"]]).dt.day_of_week,
        "departs_min": departs,
        "arrives_min": arrives,
        "scheduled_min": scheduled,
        "miles_per_min": rows["distance"] / scheduled.clip(lower=1),
        "plane_age": rows["year"] - rows["plane_year"],
    }
    numbers = pd.DataFrame(derived, index=rows.index).astype("float64")
    return pd.concat([rows[[*CATEGORIES, *AS_THEY_ARE]], numbers], axis="columns")


def minute_of_day(clock: pd.Series) -> pd.Series:
    """Return minutes since midnight for clock times written as hhmm, e.g. 125 for 205."""
    return clock // 100 * 60 + clock % 100


def baseline(_train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the declared baseline in minutes: a flight arrives as late as it left."""
    return rows[OFFSET].to_numpy(dtype="float64")
