"""The parameters that a search tries: every combination of a grid, or values that are drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops.runs import json_values
from mlops.runs.errors import ConfigError

#: Trials of one search, at most.
MOST_TRIALS = 500
_LOG = "log:"
_TO = ".."


@dataclass(frozen=True)
class Choice:
    """Values of a parameter that are listed.

    Attributes:
        name: The parameter.
        values: Its values, at least one, none twice.
    """

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """Values of a parameter between two ends, which are both included.

    Attributes:
        name: The parameter.
        low: The smallest value.
        high: The largest value.
        whole: Whether only whole numbers are meant.
        log: Whether they are spread evenly by their logarithm.
    """

    name: str
    low: float
    high: float
    whole: bool
    log: bool

    def draw(self, source: random.Random) -> float | int:
        """Return a random value."""
        if self.log:
            value = math.exp(source.uniform(math.log(self.low), math.log(self.high)))
            return min(max(round(value), int(self.low)), int(self.high)) if self.whole else value
        return (
            source.randint(int(self.low), int(self.high))
            if self.whole
            else source.uniform(self.low, self.high)
        )


Dimension = Choice | Range


def parse_choice(text: str) -> Choice:
    """Return the values of a text such as ``max_iter=20,40,80``; each value is JSON, else text.

    Raises:
        ConfigError: It has another form, or a value twice.
    """
    name, separator, listed = text.partition("=")
    if not separator or not name or not listed:
        raise ConfigError(
            "not of the form NAME=VALUE,VALUE", where=repr(text), todo="e.g. --grid max_iter=20,40"
        )
    values = tuple(_value(part) for part in listed.split(","))
    if len({repr(value) for value in values}) < len(values):
        raise ConfigError("a value is given twice", where=repr(text), todo="give each value once")
    return Choice(name, values)


def parse_range(text: str) -> Range:
    """Return the ends of a text such as ``max_iter=20..80`` or ``learning_rate=log:0.01..0.3``.

    Raises:
        ConfigError: It has another form, or its ends are not ascending finite numbers.
    """
    name, separator, ends = text.partition("=")
    log = ends.startswith(_LOG)
    low_text, to, high_text = ends.removeprefix(_LOG).partition(_TO)
    low, high = _value(low_text), _value(high_text)
    if not separator or not name or not to or not _is_number(low) or not _is_number(high):
        todo = "e.g. --range learning_rate=log:0.01..0.3"
        raise ConfigError("not of the form NAME=[log:]LOW..HIGH", where=repr(text), todo=todo)
    if not low < high:
        raise ConfigError("the range is empty", where=repr(text), todo="give the smaller end first")
    if log and low <= 0:
        raise ConfigError("has no logarithm at its lower end", where=repr(text), todo="begin above zero")
    return Range(name, low, high, whole=isinstance(low, int) and isinstance(high, int), log=log)


def grid(dimensions: Sequence[Dimension]) -> list[dict[str, Any]]:
    """Return every combination of listed values, the last parameter changing fastest.

    Raises:
        ConfigError: One of the dimensions is a range, there is none, or there are too many combinations.
    """
    ranges = [dimension.name for dimension in dimensions if isinstance(dimension, Range)]
    if ranges:
        raise ConfigError(
            "a range has no end of values", where=ranges[0], todo="add --random N, or list values"
        )
    choices = [dimension for dimension in dimensions if isinstance(dimension, Choice)]
    if not choices:
        raise ConfigError("nothing to try", todo="name values, e.g. --grid max_iter=20,40")
    count = math.prod(len(choice.values) for choice in choices)
    check_count(count)
    return [
        dict(zip((choice.name for choice in choices), values, strict=True))
        for values in itertools.product(*(choice.values for choice in choices))
    ]


def drawn(dimensions: Sequence[Dimension], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield combinations drawn independently and evenly; equal arguments give equal ones."""
    source = random.Random(seed)  # noqa: S311 - a search, no secret
    for _ in range(count):
        yield {
            dimension.name: source.choice(dimension.values)
            if isinstance(dimension, Choice)
            else dimension.draw(source)
            for dimension in dimensions
        }


def check_count(count: int) -> None:
    """Return if a search may have that many trials.

    Raises:
        ConfigError: It may not.
    """
    if not 1 <= count <= MOST_TRIALS:
        raise ConfigError(f"{count:,} trials", todo=f"try between 1 and {MOST_TRIALS} combinations")


def check_names(dimensions: Sequence[Dimension]) -> None:
    """Return if each parameter has one dimension.

    Raises:
        ConfigError: One has several.
    """
    names = [dimension.name for dimension in dimensions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError("the parameter is given twice", where=twice, todo="give it once")


def _value(text: str) -> Any:
    try:
        return json_values.parse(text)
    except ValueError:
        return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def described(params: Mapping[str, Any]) -> str:
    """Return parameters as ``name=value, name=value``, floats by five digits."""
    shown = ((name, f"{value:.5g}" if isinstance(value, float) else value) for name, value in params.items())
    return ", ".join(f"{name}={value}" for name, value in shown)
