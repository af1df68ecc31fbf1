"""Histogram gradient boosting: nodes, thresholds and bitsets that its compiled code indexes with.

Prediction follows a row from node to node: ``nodes[node.left]``, ``row[node.feature_idx]``,
``bitsets[node.bitset_idx]``. None of these is compared with a length there, so all of them are here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops.adapters.models.archive import refused
from mlops.adapters.models.compiled_trees import check_children

if TYPE_CHECKING:
    import numpy as np

_FITTED = frozenset(
    {
        *("is_categorical_", "_preprocessor", "n_features_in_", "feature_names_in_", "classes_"),
        *("_is_categorical_remapped", "n_trees_per_iteration_", "_random_seed", "_feature_subsample_rng"),
        *("_n_features", "_loss", "do_early_stopping_", "_use_validation_data", "_bin_mapper", "_scorer"),
        *("_baseline_prediction", "_predictors", "train_score_", "validation_score_", "_metadata_request"),
        # Whether rows had weights: only partial dependence asks.
        "_fitted_with_sw",
        # How a classifier numbered its classes: only fitting asks.
        "_label_encoder",
        *("_sklearn_version", "_sklearn_output_config"),
    }
)
_BIN_MAPPER = frozenset(
    {
        *("n_bins", "subsample", "is_categorical", "known_categories", "random_state", "n_threads"),
        *("is_categorical_", "missing_values_bin_idx_", "bin_thresholds_", "n_bins_non_missing_"),
        "_sklearn_version",
    }
)
_PREDICTOR = frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"})
_BITSET_WORDS, _MAX_BINS, _MAX_CATEGORY, _MAX_CLASSES = 8, 256, 254, 10_000
_FLAGS = ("is_leaf", "missing_go_to_left", "is_categorical")


def check(model: Any, where: str) -> Iterator[object]:
    """Raise unless every tree of a model stays within its arrays; yield the parts that were checked."""
    given = set(inspect.signature(type(model).__init__).parameters)
    extra = vars(model).keys() - given - _FITTED
    if extra:
        raise refused(f"gives a boosted model the attribute {min(extra)!r}", where)
    if "_predictors" not in vars(model):
        return  # not fitted: it has nothing that could predict
    columns = model._n_features
    if type(columns) is not int or columns < 1 or model.n_features_in_ != columns:
        raise refused("holds a boosted model without a number of columns", where)
    _check_names(model, columns, where)
    categorical = _check_bins(model._bin_mapper, columns, where)
    _check_preprocessor(model, columns, where)
    yield model._bin_mapper
    trees = model.n_trees_per_iteration_
    if type(trees) is not int or not 0 < trees <= _MAX_CLASSES or type(model._predictors) is not list:
        raise refused("holds a boosted model of another form", where)
    _check_outputs(model, trees, where)
    for iteration in model._predictors:
        if type(iteration) is not list or len(iteration) != trees:
            raise refused("holds a boosted model with trees for other classes", where)
        for predictor in iteration:
            _check_predictor(predictor, categorical, where)
            yield predictor


def _check_outputs(model: Any, trees: int, where: str) -> None:
    """Raise unless there is one tree for a number or two classes, or one for each of more classes."""
    import numpy as np

    start = model._baseline_prediction
    if not isinstance(start, np.ndarray) or start.dtype.kind != "f" or start.shape != (1, trees):
        raise refused("holds a boosted model that starts from another form", where)
    classes = getattr(model, "classes_", None)
    if classes is None:
        expected = 1
    elif isinstance(classes, np.ndarray) and classes.ndim == 1 and len(classes) >= 2:
        expected = 1 if len(classes) == 2 else len(classes)
    else:
        raise refused("holds a boosted model with classes of another form", where)
    if trees != expected:
        raise refused("holds a boosted model with trees for other classes", where)


def _check_names(model: Any, columns: int, where: str) -> None:
    names = getattr(model, "feature_names_in_", None)
    if names is not None and (len(names) != columns or not all(type(name) is str for name in names)):
        raise refused("holds a model whose columns are called otherwise than by names", where)


def _check_bins(mapper: Any, columns: int, where: str) -> np.ndarray:
    """Check how columns are binned; return which of them are categorical."""
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

    if type(mapper) is not _BinMapper or vars(mapper).keys() - _BIN_MAPPER:
        raise refused("holds a boosted model without its bins", where)
    flags, counts, lists = mapper.is_categorical_, mapper.n_bins_non_missing_, mapper.bin_thresholds_
    if flags.dtype != np.uint8 or flags.shape != (columns,) or (flags > 1).any():
        raise refused("holds bins that do not say which columns are categorical", where)
    if counts.dtype != np.uint32 or counts.shape != (columns,) or type(lists) is not list:
        raise refused("holds bins of another form", where)
    if len(lists) != columns or type(mapper.n_bins) is not int or not 3 <= mapper.n_bins <= _MAX_BINS:
        raise refused("holds bins of other columns", where)
    if mapper.missing_values_bin_idx_ != mapper.n_bins - 1:
        raise refused("holds bins without one for missing values", where)
    for flag, thresholds in zip(flags.tolist(), lists, strict=True):
        _check_thresholds(thresholds, mapper.n_bins, categorical=bool(flag), where=where)
    return flags.astype(bool)


def _check_thresholds(thresholds: Any, bins: int, *, categorical: bool, where: str) -> None:
    import numpy as np

    if type(thresholds) is not np.ndarray or thresholds.dtype != np.float64 or thresholds.ndim != 1:
        raise refused("holds bins whose thresholds are no numbers", where)
    if len(thresholds) > bins - 1 or not np.isfinite(thresholds).all() or (np.diff(thresholds) <= 0).any():
        raise refused("holds bins whose thresholds do not ascend", where)
    whole = (thresholds == np.floor(thresholds)) & (thresholds >= 0) & (thresholds <= _MAX_CATEGORY)
    if categorical and not whole.all():
        raise refused(f"holds a category that is none of 0 to {_MAX_CATEGORY}", where)


def _check_predictor(predictor: Any, categorical: np.ndarray, where: str) -> None:
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    if type(predictor) is not TreePredictor or vars(predictor).keys() != _PREDICTOR:
        raise refused("holds a boosted model with something other than trees", where)
    nodes = predictor.nodes
    if type(nodes) is not np.ndarray or nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1:
        raise refused("holds a tree with nodes of another form", where)
    if not len(nodes) or any((nodes[flag] > 1).any() for flag in _FLAGS):
        raise refused("holds a tree with a flag that is neither 0 nor 1", where)
    bitsets = (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets)
    for bits in bitsets:
        if bits.dtype != np.uint32 or bits.shape != (len(bitsets[0]), _BITSET_WORDS):
            raise refused("holds a tree with categories of another form", where)
    inner = nodes["is_leaf"] == 0
    check_children(nodes["left"], nodes["right"], inner, where)
    asked = nodes["feature_idx"][inner]
    if ((asked < 0) | (asked >= len(categorical))).any():
        raise refused("holds a tree that asks for a column that there is not", where)
    by_category = nodes["is_categorical"][inner] == 1
    if (nodes["bitset_idx"][inner][by_category] >= len(bitsets[0])).any():
        raise refused("holds a tree that asks for categories that there are not", where)
    if not categorical[asked[by_category]].all():
        raise refused("holds a tree that takes numbers for categories", where)


def _check_preprocessor(model: Any, columns: int, where: str) -> None:
    """Raise unless the model's own preparation gives its trees as many columns as they may ask for.

    The trees are handed what comes out of it, unseen; so it has to be the one that fitting makes: categorical
    columns encoded, then all others as they are.
    """
    prepare, flags = model._preprocessor, model.is_categorical_
    if prepare is None:
        if flags is not None:
            raise refused("holds a boosted model that does not prepare its categories", where)
        return
    _check_prepared(prepare, flags, columns, where)


def _check_prepared(prepare: Any, flags: np.ndarray, columns: int, where: str) -> None:
    import numpy as np
    from sklearn.compose import ColumnTransformer

    if type(prepare) is not ColumnTransformer or vars(prepare)["n_features_in_"] != columns:
        raise refused("holds a boosted model that is prepared in another way", where)
    _check_names(prepare, columns, where)
    if flags.dtype != np.bool_ or flags.shape != (columns,) or prepare.transformer_weights is not None:
        raise refused("holds a boosted model that does not say which columns are categorical", where)
    parts = {name: (step, chosen) for name, step, chosen in prepare.transformers_ if step != "drop"}
    if list(parts) != ["encoder", "numerical"] or prepare.sparse_output_:
        raise refused("holds a boosted model that is prepared in other steps", where)
    for name, mask in (("encoder", flags), ("numerical", ~flags)):
        chosen, indices = parts[name][1], prepare._transformer_to_input_indices[name]
        if chosen.dtype != np.bool_ or not np.array_equal(chosen, mask):
            raise refused("holds a boosted model that is prepared from other columns", where)
        if type(indices) is not list or indices != np.flatnonzero(mask).tolist():
            raise refused("holds a boosted model that is prepared from other columns", where)
    _check_steps(parts["encoder"][0], parts["numerical"][0], int(flags.sum()), where)


def _check_steps(encoder: Any, numbers: Any, categories: int, where: str) -> None:
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
    from sklearn.utils import check_array

    if type(encoder) is not OrdinalEncoder or len(encoder.categories_) != categories:
        raise refused("holds a boosted model whose encoder is of other columns", where)
    if type(numbers) is not FunctionTransformer or numbers.kw_args or numbers.validate:
        raise refused("holds a boosted model that changes its numbers", where)
    function = numbers.func
    if type(function) is not functools.partial or function.func is not check_array or function.args:
        raise refused("holds a boosted model that changes its numbers", where)
    if function.keywords.keys() != {"dtype", "ensure_all_finite"}:
        raise refused("holds a boosted model that checks its numbers in another way", where)
