"""Parameters of the model of ratings and the types that a saved one may contain; imports no library."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.pipelines.tree_parameters import check_ranges
from mlops.runs.saved_types import functions, losses, objects, partials

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"

#: All that a saved model may hold. Fixed here: a file never says what to trust.
TRUSTED_TYPES = (
    *objects(
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn.compose._column_transformer.ColumnTransformer",
        f"{_BOOSTING}.binning._BinMapper",
        f"{_BOOSTING}.gradient_boosting.HistGradientBoostingRegressor",
        f"{_BOOSTING}.predictor.TreePredictor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
    ),
    *functions("mlops.pipelines.movie_ratings.features.derive", "sklearn.utils.validation.check_array"),
    *partials("sklearn.utils.validation.check_array"),
    *losses("sklearn._loss._loss.CyAbsoluteError"),
)


@dataclass(frozen=True)
class Params:
    """Parameters of the trees.

    Attributes:
        max_iter: Trees, 1 to 1000.
        learning_rate: Share of each tree that counts, in (0, 1].
        max_leaf_nodes: Leaves per tree, 2 to 255.
        min_samples_leaf: Rows per leaf, at least 1.
    """

    max_iter: int = 120
    learning_rate: float = 0.08
    max_leaf_nodes: int = 15
    min_samples_leaf: int = 20

    def __post_init__(self) -> None:
        """Raise `ConfigError` where a parameter is out of range."""
        check_ranges(self)
