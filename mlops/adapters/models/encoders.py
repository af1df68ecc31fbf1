"""Categories of encoders: how many columns and values they give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops.adapters.models.archive import refused

_KINDS = frozenset("biufUSO")


def check_ordinal(encoder: Any, where: str) -> Iterator[object]:
    """Raise unless an encoder has one list of different plain values for each of its columns."""
    import numpy as np

    if "categories_" not in vars(encoder):
        return  # not fitted
    lists = encoder.categories_
    if type(lists) is not list or type(encoder.n_features_in_) is not int:
        raise refused("holds an encoder of another form", where)
    if len(lists) != encoder.n_features_in_:
        raise refused("holds an encoder with other columns than it was fitted on", where)
    for values in lists:
        if type(values) is not np.ndarray or values.ndim != 1 or values.dtype.kind not in _KINDS:
            raise refused("holds an encoder whose categories are no list of values", where)
        if values.dtype.hasobject and not all(_plain(value) for value in values.tolist()):
            raise refused("holds an encoder whose categories are no plain values", where)
    yield from ()  # it has no parts


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def check_one_hot(encoder: Any, where: str) -> Iterator[object]:
    """Raise unless an encoder also gives as many columns as it has categories.

    It builds a sparse matrix, whose compiled code writes to the column it is told, there or not.
    """
    yield from check_ordinal(encoder, where)
    if "categories_" not in vars(encoder):
        return
    grouped = getattr(encoder, "_infrequent_enabled", False)
    dropped = (encoder.drop_idx_, encoder._drop_idx_after_grouping)
    if grouped or any(part is not None for part in dropped):
        raise refused("holds an encoder that drops or groups categories, which is not read", where)
    outputs = encoder._n_features_outs
    if type(outputs) is not list or outputs != [len(values) for values in encoder.categories_]:
        raise refused("holds an encoder that gives other columns than it has categories", where)
