"""The interface of a task: targets, predictions, and the loss of each prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class Task(Protocol):
    """A kind of prediction.

    Losses are per row and never negative, except ``signed_error``. A policy names a metric: ``mae``, ``rmse``
    and ``bias`` are computed from ``absolute_error``, ``squared_error`` and ``signed_error``; any other
    metric is the mean of the loss of the same name.
    """

    @property
    def name(self) -> str:
        """The kind, as ``mlops new --task`` takes it."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the predicted columns; ``("",)`` where there is one, which needs no name."""
        ...

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the losses that are recorded, in their order."""
        ...

    def targets(self, values: pd.Series) -> pd.Series:
        """Return the targets in the form in which they are recorded.

        Raises:
            InputError: A value is none that the task can judge.
        """
        ...

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a model's predictions.

        Args:
            model: A fitted model.
            rows: Its input, one row per prediction.

        Returns:
            The predictions, in the order of the rows, with the columns `columns`.

        Raises:
            InputError: They do not have the form that the task asks for.
        """
        ...

    def baseline(self, predicted: Any, rows: int) -> pd.DataFrame:
        """Return what a pipeline's baseline returned, as `predict` returns predictions.

        Raises:
            InputError: It does not have the form that the task asks for.
        """
        ...

    def costs(self, targets: pd.Series, predicted: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the losses of predictions: name to one number per row, for each of `losses`."""
        ...

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Return how far two predictions of each row are apart, 0 where they are the same."""
        ...

    def spread(self, targets: pd.Series) -> float:
        """Return the size of a large change, > 0; the tolerance of a repeated fit is a share of it."""
        ...
