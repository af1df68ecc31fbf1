"""Tasks whose unit is a row: what they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec


class RowTask:
    """The part of a task that follows from its unit being a row of the holdout."""

    def unit_key(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the row key."""
        return spec.key

    def unit_input(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the model input."""
        return spec.model_input

    def units(self, spec: PipelineSpec, holdout: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the holdout as they are."""
        return holdout

    def reads(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return nothing: the holdout alone says what is predicted."""
        return ()

    def fit(self, spec: PipelineSpec, model: Any, train: pd.DataFrame) -> None:
        """Fit a scikit-learn estimator on model input and target."""
        model.fit(train.loc[:, list(spec.model_input)], train[spec.target])

    def details(self, targets: pd.Series, predicted: pd.DataFrame, clusters: pd.Series) -> Mapping[str, Any]:
        """Return nothing: the losses say it all."""
        return {}
