# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportReturnType=false

"""The model of hourly rentals: gradient-boosted trees over rentals as a multiple of their recent level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops.pipelines.bike_sharing.features import derive
from mlops.pipelines.bike_sharing.join import LEVEL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.bike_sharing.params import Params


class DemandRegressor(RegressorMixin, BaseEstimator):
    """Predicts the recent level of rentals times what its regressor expects of an hour.

    Trees predict no more than they have seen, and demand grows: without the level every new month would be
    underestimated.

    Attributes:
        regressor: Unfitted regressor for the multiple of the level.
        regressor_: The fitted one.
        level_: Level of rows whose own is missing: the mean of the training rows.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: pd.DataFrame, y: Any) -> DemandRegressor:  # noqa: N803  (scikit-learn's own name)
        """Fit the regressor to rentals over level; an hour of a higher level weighs more."""
        self.level_ = float(y.mean())
        level = self._level(X)
        self.regressor_ = clone(self.regressor).fit(X.drop(columns=LEVEL), y / level, sample_weight=level)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803
        """Return rentals per hour, one per row."""
        return self.regressor_.predict(X.drop(columns=LEVEL)) * self._level(X).to_numpy()

    def _level(self, rows: pd.DataFrame) -> pd.Series:
        return rows[LEVEL].fillna(self.level_).clip(lower=1.0)


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted Pipeline: model input in, rentals per hour out."""
    trees = HistGradientBoostingRegressor(
        loss=params.loss,
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("features", FunctionTransformer(derive)), ("rentals", DemandRegressor(trees))])
