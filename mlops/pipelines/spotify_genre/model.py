# scikit-learn ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""The model of genres: gradient-boosted trees, one of each iteration per genre."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops.pipelines.spotify_genre.features import derive

if TYPE_CHECKING:
    from mlops.pipelines.spotify_genre.params import Params


def model(params: Params, seed: int) -> Pipeline:
    """Return the unfitted Pipeline: model input in, probabilities of the genres out."""
    trees = HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("features", FunctionTransformer(derive)), ("genre", trees)])
