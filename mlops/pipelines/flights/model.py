# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

"""The model of arrival delays: gradient-boosted trees over what a flight gains or loses on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from mlops.pipelines.flights.features import CATEGORIES, derive
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LOSSES = ("absolute_error", "squared_error")
OFFSET = "dep_delay"

#: What a saved model may hold beyond skops's own list. Fixed here: a file never says what to trust.
TRUSTED_TYPES = (
    "functools.partial",
    "mlops.pipelines.flights.features.derive",
    "mlops.pipelines.flights.model.EnRouteRegressor",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)


@dataclass(frozen=True)
class Params:
    """Parameters of the trees.

    Attributes:
        max_iter: Trees, 1 to 1000.
        learning_rate: Share of each tree that counts, in (0, 1].
        max_leaf_nodes: Leaves per tree, 2 to 255.
        min_samples_leaf: Rows per leaf, at least 1.
        l2_regularization: Shrinkage of the leaves, at least 0.
        loss: What the trees minimise, ``absolute_error`` or ``squared_error``.
    """

    max_iter: int = 60
    learning_rate: float = 0.15
    max_leaf_nodes: int = 31
    min_samples_leaf: int = 100
    l2_regularization: float = 10.0
    loss: str = "absolute_error"

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a parameter is out of range."""
        demands = {
            "max_iter": (1 <= self.max_iter <= 1000, "1 to 1000"),
            "learning_rate": (0 < self.learning_rate <= 1, "above 0 and at most 1"),
            "max_leaf_nodes": (2 <= self.max_leaf_nodes <= 255, "2 to 255"),
            "min_samples_leaf": (self.min_samples_leaf >= 1, "at least 1"),
            "l2_regularization": (0 <= self.l2_regularization < float("inf"), "finite and at least 0"),
            "loss": (self.loss in LOSSES, f"one of {', '.join(LOSSES)}"),
        }
        for name, (holds, demand) in demands.items():
            if not holds:
                raise ConfigError(f"must be {demand}, not {getattr(self, name)!r}", where=name)


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


def baseline(rows: pd.DataFrame) -> np.ndarray:
    """Return the declared baseline in minutes: a flight arrives as late as it left."""
    return rows[OFFSET].to_numpy(dtype="float64")
