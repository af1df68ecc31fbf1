# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""Derived features and the baseline: pure functions, saved inside the model by name.

Changing what one returns changes every saved model: add another one under another name instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

CATEGORIES = ("main_genre", "mpaa")
GENRE, TARGET = "main_genre", "rating"


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each row: categories as text, then numbers; the budget as its logarithm."""
    import numpy as np
    import pandas as pd

    numbers = pd.DataFrame(
        {
            "length": rows["length"],
            "log_budget": np.log(rows["budget"].clip(lower=1)),
            "month": rows["month"],
            "director_films_before": rows["director_films_before"],
            "director_rating_before": rows["director_rating_before"],
            "studio_rating_before": rows["studio_rating_before"],
        },
        index=rows.index,
    ).astype("float64")
    return pd.concat([rows[list(CATEGORIES)], numbers], axis="columns")


def baseline(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the declared baseline: the mean rating of the training rows of the same main genre.

    A genre that training never saw gets the mean of all training rows.
    """
    means = train.groupby(GENRE)[TARGET].mean()
    return rows[GENRE].map(means).fillna(train[TARGET].mean()).to_numpy(dtype="float64")
