# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""The form of predictions: one number per row and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def numbers(predicted: Any, rows: int, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return predictions as a frame of float64 with these columns.

    Args:
        predicted: An array of the shape (rows, columns), or (rows,) where there is one column.
        rows: Number of rows asked for.
        columns: Names of the columns.

    Raises:
        InputError: They have another shape, or are no numbers.
    """
    import numpy as np
    import pandas as pd

    try:
        found = np.asarray(predicted, dtype="float64")
    except (TypeError, ValueError) as error:
        raise InputError(f"gave predictions that are no numbers: {error}") from error
    expected = (rows,) if len(columns) == 1 else (rows, len(columns))
    if found.shape != expected:
        raise InputError(f"gave predictions of the shape {found.shape} for {rows} rows, not {expected}")
    return pd.DataFrame(found.reshape(rows, len(columns)), columns=list(columns))


def largest_change(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Return the largest absolute difference of each row over all columns; NaN where one is missing."""
    import numpy as np

    return np.abs(one.to_numpy("float64") - other.to_numpy("float64")).max(axis=1)
