# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""Every derived feature: a pure function from model input to what the trees see, saved inside the model.

A saved model names this function. Changing what it returns changes every saved model: add another one under
another name instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.pipelines.spotify_genre.extract import AUDIO, GENRES
from mlops.pipelines.spotify_genre.join import TARGET

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each row, in the order of ``rows``, all as float64.

    Args:
        rows: Model input of the pipeline.

    Returns:
        The audio features; ``acoustic_balance``, acousticness less energy; ``brightness``, valence times
        energy; and ``beats``, the number of beats in the track.
    """
    import pandas as pd

    derived = {
        "acoustic_balance": rows["acousticness"] - rows["energy"],
        "brightness": rows["valence"] * rows["energy"],
        "beats": rows["tempo"] * rows["duration_ms"] / 60_000,
    }
    numbers = pd.DataFrame(derived, index=rows.index)
    return pd.concat([rows[list(AUDIO)], numbers], axis="columns").astype("float64")


def baseline(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Return the share of each genre in the training rows, the same for every row."""
    import numpy as np

    shares = train[TARGET].value_counts(normalize=True).reindex(list(GENRES), fill_value=0.0)
    return np.tile(shares.to_numpy("float64"), (len(rows), 1))
