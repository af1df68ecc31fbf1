# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""Every derived feature: a pure function from model input to what the model sees, saved inside it.

A saved model names this function. Changing what it returns changes every saved model: add another one under
another name instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.pipelines.bike_sharing.join import CALENDAR, LAST_WEEK, LEVEL, LEVEL_TEMP, TARGET, WEATHER

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AS_THEY_ARE = (*CALENDAR, *WEATHER)


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each row, in the order of ``rows``, all as float64.

    Args:
        rows: Model input of the pipeline.

    Returns:
        `AS_THEY_ARE`; ``last_week_share``, the same hour last week as a multiple of the recent level;
        ``warmer``, the temperature above the recent one; and the recent level itself.
    """
    import pandas as pd

    derived = {
        "last_week_share": rows[LAST_WEEK] / rows[LEVEL].clip(lower=1),
        "warmer": rows["temp"] - rows[LEVEL_TEMP],
        LEVEL: rows[LEVEL],
    }
    numbers = pd.DataFrame(derived, index=rows.index)
    return pd.concat([rows[list(AS_THEY_ARE)], numbers], axis="columns").astype("float64")


def baseline(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the rentals of the same hour last week; else the mean of that hour in the training rows."""
    of_hour = rows["hour"].map(train.groupby("hour")[TARGET].mean()).fillna(train[TARGET].mean())
    return rows[LAST_WEEK].fillna(of_hour).to_numpy(dtype="float64")
