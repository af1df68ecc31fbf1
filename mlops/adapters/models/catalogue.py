"""The scikit-learn types that a pipeline's list may name, each with the check of its arrays.

Python code that hands its arrays to NumPy fails on a wrong shape; compiled code reads beyond the array. Each
type was looked at in the source of the scikit-learn version that is locked. One that is not here is refused:
nobody has looked at it. That goes for KD and ball trees, support vectors, splines and sparse matrices, whose
arrays compiled code indexes unseen.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops.runs.saved_types import LIBRARIES, SavedType

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"

BOOSTING = frozenset(
    f"{_BOOSTING}.gradient_boosting.HistGradientBoosting{kind}" for kind in ("Regressor", "Classifier")
)
PREDICTOR = f"{_BOOSTING}.predictor.TreePredictor"
BIN_MAPPER = f"{_BOOSTING}.binning._BinMapper"
TREE = "sklearn.tree._tree.Tree"
DECISION_TREES = frozenset(
    f"sklearn.tree._classes.{kind}{task}"
    for kind in ("DecisionTree", "ExtraTree")
    for task in ("Regressor", "Classifier")
)
FORESTS = frozenset(
    f"sklearn.ensemble._forest.{kind}{task}"
    for kind in ("RandomForest", "ExtraTrees")
    for task in ("Regressor", "Classifier")
)
ORDINAL = "sklearn.preprocessing._encoders.OrdinalEncoder"
ONE_HOT = "sklearn.preprocessing._encoders.OneHotEncoder"
IMPUTER = "sklearn.impute._base.SimpleImputer"
COLUMNS = "sklearn.compose._column_transformer.ColumnTransformer"
FUNCTION = "sklearn.preprocessing._function_transformer.FunctionTransformer"

#: What may only be part of something that checks it: arrays that mean nothing without their owner's.
PARTS = frozenset({PREDICTOR, BIN_MAPPER, TREE})

_IN_PYTHON = frozenset(
    {
        COLUMNS,
        FUNCTION,
        "sklearn.compose._target.TransformedTargetRegressor",
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        IMPUTER,
        "sklearn.linear_model._base.LinearRegression",
        "sklearn.linear_model._coordinate_descent.ElasticNet",
        "sklearn.linear_model._coordinate_descent.Lasso",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._ridge.Ridge",
        "sklearn.pipeline.FeatureUnion",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
        *(
            f"sklearn._loss.link.{name}"
            for name in ("HalfLogitLink", "IdentityLink", "Interval", "LogitLink")
        ),
        *(f"sklearn._loss.link.{name}" for name in ("LogLink", "MultinomialLogit")),
        *(f"sklearn._loss.loss.{name}" for name in ("AbsoluteError", "HalfBinomialLoss", "HalfGammaLoss")),
        *(f"sklearn._loss.loss.{name}" for name in ("HalfMultinomialLoss", "HalfPoissonLoss")),
        *(f"sklearn._loss.loss.{name}" for name in ("HalfSquaredError", "PinballLoss")),
    }
)
#: Compiled, but made of at most a few numbers.
_OF_NUMBERS = frozenset(
    f"sklearn._loss._loss.Cy{name}"
    for name in ("AbsoluteError", "HalfBinomialLoss", "HalfGammaLoss", "HalfMultinomialLoss")
) | frozenset(
    f"sklearn._loss._loss.Cy{name}" for name in ("HalfPoissonLoss", "HalfSquaredError", "PinballLoss")
)

#: Every type of scikit-learn that may be listed.
KNOWN = _IN_PYTHON | _OF_NUMBERS | PARTS | BOOSTING | DECISION_TREES | FORESTS | frozenset({ORDINAL, ONE_HOT})


def is_known(path: str) -> bool:
    """Return whether a type may be in a model, as far as its arrays are concerned.

    A type of a library is admitted only if it is in `KNOWN`.
    """
    return path in KNOWN or path.partition(".")[0] not in LIBRARIES


def unknown(allowed: Iterable[SavedType]) -> list[str]:
    """Return the listed types for which no check of their arrays exists, ascending."""
    restored = (kind for kind in allowed if kind.loader not in ("FunctionNode", "PartialNode"))
    return sorted({kind.path for kind in restored if not is_known(kind.path)})
