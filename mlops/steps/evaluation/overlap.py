# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""Rows of a holdout that a model was trained on, by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import InputError
from mlops.steps.rolling.periods import periods_of, trained_rows

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule


def overlap_of_models(
    spec: PipelineSpec,
    holdout: pd.DataFrame,
    trained: Sequence[tuple[Any, pd.DataFrame]],
    key: list[str],
    rolling: HoldoutRule | None,
) -> int:
    """Return how many rows have their key among those that a model which predicts them was trained on.

    Args:
        spec: The pipeline.
        holdout: The rows.
        trained: Models and the training rows beside them.
        key: Columns by which rows must differ.
        rolling: The rule of a holdout of several periods; then the models are `RollingModels`.
    """
    if rolling is None:
        return overlap(holdout, [rows for _, rows in trained], key)
    return sum(
        overlap(
            holdout.iloc[period.rows],
            [trained_rows(spec, rows, models.trained_until, period) for models, rows in trained],
            key,
        )
        for period in periods_of(spec, rolling, holdout)
    )


def overlap(holdout: pd.DataFrame, trained: Sequence[pd.DataFrame], key: list[str]) -> int:
    """Return how many rows of the holdout have their key in a training set.

    Raises:
        InputError: The keys cannot be compared.
    """
    import numpy as np

    numbered = holdout[key].assign(**{"holdout row": np.arange(len(holdout))})
    seen: set[int] = set()
    for rows in trained:
        try:
            seen.update(numbered.merge(rows[key], on=key, how="inner")["holdout row"].tolist())
        except (KeyError, ValueError) as error:
            raise InputError(
                f"row keys of training and holdout cannot be compared: {error}", where=", ".join(key)
            ) from error
    return len(seen)
