"""Parameters of the model of genres and the types that a saved one may contain; imports no library."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.pipelines.tree_parameters import check_ranges
from mlops.runs.saved_types import functions, losses, objects

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"

#: All that a saved model may hold. Fixed here: a file never says what to trust.
TRUSTED_TYPES = (
    *objects(
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfMultinomialLoss",
        f"{_BOOSTING}.binning._BinMapper",
        f"{_BOOSTING}.gradient_boosting.HistGradientBoostingClassifier",
        f"{_BOOSTING}.predictor.TreePredictor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.preprocessing._label.LabelEncoder",
    ),
    *functions("mlops.pipelines.spotify_genre.features.derive"),
    *losses("sklearn._loss._loss.CyHalfMultinomialLoss"),
)


@dataclass(frozen=True)
class Params:
    """Parameters of the trees.

    Attributes:
        max_iter: Trees per genre, 1 to 1000.
        learning_rate: Share of each tree that counts, in (0, 1].
        max_leaf_nodes: Leaves per tree, 2 to 255.
        min_samples_leaf: Rows per leaf, at least 1.
        l2_regularization: Shrinkage of the leaves, at least 0.
    """

    max_iter: int = 60
    learning_rate: float = 0.08
    max_leaf_nodes: int = 8
    min_samples_leaf: int = 30
    l2_regularization: float = 10.0

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a parameter is out of range."""
        check_ranges(self)
