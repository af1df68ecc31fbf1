"""Ranges of the parameters of gradient-boosted trees, which several pipelines have; imports no library."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops.runs.errors import ConfigError

#: Name of a parameter of scikit-learn's histogram-based trees to its test and its range in words.
_RANGES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "max_iter": (lambda value: 1 <= value <= 1000, "1 to 1000"),
    "learning_rate": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "max_leaf_nodes": (lambda value: 2 <= value <= 255, "2 to 255"),
    "min_samples_leaf": (lambda value: value >= 1, "at least 1"),
    "l2_regularization": (lambda value: 0 <= value < math.inf, "finite and at least 0"),
}


def check_ranges(params: Any, **choices: Sequence[str]) -> None:
    """Return if every parameter is in its range.

    Args:
        params: A dataclass of parameters with names as scikit-learn's.
        choices: Name of a parameter that is a text to its possible values.

    Raises:
        ConfigError: A parameter is not.
    """
    ranges = dict(_RANGES)
    for name, values in choices.items():
        ranges[name] = (lambda value, values=values: value in values, f"one of {', '.join(values)}")
    for field in dataclasses.fields(params):
        holds, words = ranges[field.name]
        value = getattr(params, field.name)
        if not holds(value):
            raise ConfigError(f"must be {words}, not {value!r}", where=field.name)
