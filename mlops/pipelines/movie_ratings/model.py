# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""The model of ratings: gradient-boosted trees over a film and the history of its makers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from mlops.pipelines.movie_ratings.features import CATEGORIES, derive

if TYPE_CHECKING:
    from mlops.pipelines.movie_ratings.params import Params


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted Pipeline: model input in, rating from 1 to 10 out."""
    # A category that training never saw becomes -1, which the trees take as missing.
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    encode = ColumnTransformer([("categories", encoder, list(CATEGORIES))], remainder="passthrough")
    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("features", FunctionTransformer(derive)), ("encode", encode), ("trees", trees)])
