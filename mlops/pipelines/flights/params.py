"""Parameters of the flights model and the types that a saved one may contain; imports no library."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.pipelines.tree_parameters import check_ranges
from mlops.runs.saved_types import functions, losses, objects, partials

LOSSES = ("absolute_error", "squared_error")

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"

#: All that a saved model may hold. Fixed here: a file never says what to trust.
TRUSTED_TYPES = (
    *objects(
        "mlops.pipelines.flights.model.EnRouteRegressor",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.compose._column_transformer.ColumnTransformer",
        f"{_BOOSTING}.binning._BinMapper",
        f"{_BOOSTING}.gradient_boosting.HistGradientBoostingRegressor",
        f"{_BOOSTING}.predictor.TreePredictor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
    ),
    *functions("mlops.pipelines.flights.features.derive", "sklearn.utils.validation.check_array"),
    *partials("sklearn.utils.validation.check_array"),
    *losses("sklearn._loss._loss.CyAbsoluteError", "sklearn._loss._loss.CyHalfSquaredError"),
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
        check_ranges(self, loss=LOSSES)
