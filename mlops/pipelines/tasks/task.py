"""The interface of a task: units of judgement, targets, predictions, and the loss of each prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec


class Task(Protocol):
    """A kind of prediction.

    A unit is what one prediction is about: mostly a row, else e.g. the query that several rows answer.
    Losses are per unit and never negative, except ``signed_error``. A policy names a metric: ``mae``,
    ``rmse`` and ``bias`` are computed from ``absolute_error``, ``squared_error`` and ``signed_error``; any
    other metric is the mean of the loss of the same name.
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

    @property
    def changes_in_units_of_target(self) -> bool:
        """Return whether `change` is in units of the target; else it has no unit."""
        ...

    def unit_key(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the columns that identify a unit."""
        ...

    def unit_input(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the columns of units that a model predicts from."""
        ...

    def units(self, spec: PipelineSpec, holdout: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
        """Return the units of a holdout.

        Args:
            spec: The pipeline.
            holdout: Its holdout rows.
            train: The candidate's training rows, of which the columns `reads` are read.

        Returns:
            One row per unit, ascending by `unit_key` or in the order of the rows: key, cluster, target,
            `unit_input` and slice columns.
        """
        ...

    def reads(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the columns of training rows that `units` reads."""
        ...

    def fit(self, spec: PipelineSpec, model: Any, train: pd.DataFrame) -> None:
        """Fit a model on training rows."""
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
            rows: Its input, one row per unit.

        Returns:
            The predictions, in the order of the units, with the columns `columns`.

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
        """Return the losses of predictions: name to one number per unit, for each of `losses`."""
        ...

    def details(self, targets: pd.Series, predicted: pd.DataFrame, clusters: pd.Series) -> Mapping[str, Any]:
        """Describe predictions beyond their losses; none of it decides.

        Args:
            targets: The recorded targets.
            predicted: Predictions, with the columns `columns`, none of them missing.
            clusters: The cluster of every unit.

        Returns:
            Plain values by name, for ``reports/details.json``; empty where there is nothing to add.
        """
        ...

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Return how far two predictions of each unit are apart, 0 where they are the same."""
        ...

    def spread(self, targets: pd.Series) -> float:
        """Return the size of a large change, > 0; the tolerance of a repeated fit is a share of it."""
        ...
