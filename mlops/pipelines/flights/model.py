# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

"""The model of arrival delays: gradient-boosted trees over what a flight gains or loses on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from mlops.pipelines.flights.features import CATEGORIES, OFFSET, derive

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.flights.params import Params


class EnRouteRegressor(RegressorMixin, BaseEstimator):
    """Predicts the departure delay plus what its regressor expects a flight to gain or lose on its way.

    Trees cannot follow a straight line far: without this the longest delays, where departure says nearly
    everything, would be cut off at the last bin.

    Attributes:
        regressor: Unfitted regressor for the difference.
        regressor_: The fitted one.
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: pd.DataFrame, y: Any) -> EnRouteRegressor:  # noqa: N803  (scikit-learn's own name)
        """Fit the regressor to arrival delay less departure delay."""
        self.regressor_ = clone(self.regressor).fit(X, y - X[OFFSET])
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803
        """Return arrival delays in minutes, one per row."""
        return self.regressor_.predict(X) + X[OFFSET].to_numpy()


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted Pipeline: model input in, arrival delay in minutes out."""
    # A carrier or airport that training never saw becomes -1, which the trees take as missing.
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    encode = ColumnTransformer([("categories", encoder, list(CATEGORIES))], remainder="passthrough")
    trees = HistGradientBoostingRegressor(
        loss=params.loss,
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=seed,
    )
    en_route = Pipeline([("encode", encode), ("trees", trees)])
    return Pipeline([("features", FunctionTransformer(derive)), ("delay", EnRouteRegressor(en_route))])
