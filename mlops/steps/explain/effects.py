"""The gain of a run divided into what the data, the model and both together brought.

With ``L(d, m)`` for the metric of model ``m`` fitted on data ``d``, both old (0) or new (1), and all four
measured on the same rows ::

    data   L(0, 0) - L(1, 0)            the new rows, with the old model
    model  L(0, 0) - L(0, 1)            the new model, on the old rows
    both   L(0, 0) - L(1, 1) - data - model

is the analysis of a two-by-two factorial experiment: ``both`` is the interaction. Where ``L(1, 0)`` cannot
be had, the data's part is taken with the new model, ``L(0, 1) - L(1, 1)``, and ``both`` is in it. Each part
is a sum of the same clusters' losses, so its interval is cluster-robust like that of the gate.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.runs.gate.intervals import contrast
from mlops.runs.json_values import items, number, text

#: Data and model of a combination, each old (0) or new (1).
Combination = tuple[int, int]
OLD, NEW = 0, 1
CHAMPION, CANDIDATE = (OLD, OLD), (NEW, NEW)
NEW_DATA, NEW_MODEL = (NEW, OLD), (OLD, NEW)


@dataclass(frozen=True)
class Part:
    """One part of a gain, in units of the metric; above zero the candidate is better.

    Attributes:
        name: ``data``, ``model``, ``both`` or ``all``.
        gain: What it brought.
        lower: Lower end of its interval.
        upper: Upper end.
    """

    name: str
    gain: float
    lower: float
    upper: float


@dataclass(frozen=True)
class ClusterLosses:
    """The sums of a loss per cluster, for each combination.

    Attributes:
        rows: Rows of each cluster, in the order of all sums.
        sums: Combination to the sum of each cluster.
    """

    rows: tuple[int, ...]
    sums: Mapping[Combination, tuple[float, ...]]


def parts_of(losses: ClusterLosses, metric: str, level: float) -> tuple[Part, ...]:
    """Return the parts of a gain, the whole last.

    Args:
        losses: Of champion, candidate and `NEW_MODEL`, and of `NEW_DATA` where that could be had.
        metric: The metric that decides.
        level: Two-sided error level of each interval.
    """
    weights: dict[str, Mapping[Combination, int]] = {
        "data": {NEW_MODEL: 1, CANDIDATE: -1},
        "model": {CHAMPION: 1, NEW_MODEL: -1},
        "all": {CHAMPION: 1, CANDIDATE: -1},
    }
    if NEW_DATA in losses.sums:
        weights = {
            "data": {CHAMPION: 1, NEW_DATA: -1},
            "model": {CHAMPION: 1, NEW_MODEL: -1},
            "both": {NEW_DATA: 1, NEW_MODEL: 1, CHAMPION: -1, CANDIDATE: -1},
            "all": {CHAMPION: 1, CANDIDATE: -1},
        }
    return tuple(_part(name, losses, each, metric, level) for name, each in weights.items())


def _part(
    name: str, losses: ClusterLosses, weights: Mapping[Combination, int], metric: str, level: float
) -> Part:
    sums = [losses.sums[combination] for combination in weights]
    found = contrast(sums, list(weights.values()), losses.rows, metric, level)
    return Part(name, found.value, found.lower, found.upper)


@dataclass(frozen=True)
class Explanation:
    """Why a run gained or lost against the champion that it was compared with.

    Attributes:
        run_id: The run.
        against: Number of the champion's promotion.
        metric: The metric that decides.
        unit: Its unit.
        level: Two-sided error level of the intervals.
        metrics: The metric of each combination, named ``old data, new model`` and so on.
        parts: The parts of the gain.
        same: What did not change: ``data``, ``model``, both or neither; nothing was fitted for it.
        code_changed: Whether the model's part holds a change of code besides one of parameters.
        other_code_here: Whether what was fitted was fitted by other code than the run's.
    """

    run_id: str
    against: int
    metric: str
    unit: str
    level: float
    metrics: Mapping[str, float]
    parts: tuple[Part, ...]
    same: tuple[str, ...]
    code_changed: bool
    other_code_here: bool

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return {**dataclasses.asdict(self), "parts": [dataclasses.asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Explanation:
        """Return the value from JSON types.

        Raises:
            KeyError, TypeError, ValueError: It is of another form.
        """
        parts = [
            Part(text(p["name"]), number(p["gain"]), number(p["lower"]), number(p["upper"]))
            for p in items(value["parts"])
        ]
        known = {field.name for field in dataclasses.fields(cls)} - {"parts", "same"}
        same = tuple(text(name) for name in items(value["same"]))
        return cls(**{name: value[name] for name in known}, parts=tuple(parts), same=same)


def named(combination: Combination) -> str:
    """Return what a combination is called, e.g. ``new data, old model``."""
    data, model = ("old", "new")[combination[0]], ("old", "new")[combination[1]]
    return f"{data} data, {model} model"


def sentences(found: Explanation) -> list[tuple[str, str]]:
    """Return each part of a gain, as a number with its interval, and what it stands for; the whole first."""
    told: list[tuple[str, str]] = []
    for part in sorted(found.parts, key=lambda part: part.name != "all"):
        if part.name in found.same or (part.name == "both" and found.same):
            continue
        unit = f" {found.unit}" if found.unit else ""
        told.append(
            (f"{part.gain:+,.4g}{unit} [{part.lower:+,.4g}, {part.upper:+,.4g}]", _meaning(found, part))
        )
    return told


def _meaning(found: Explanation, part: Part) -> str:
    crossed = any(each.name == "both" for each in found.parts)
    return {
        "all": f"in all, against promotion {found.against}",
        "data": "from new rows, with the old model" if crossed else "from new rows, with the new model",
        "model": f"from new {'code and ' if found.code_changed else ''}parameters, on the old rows",
        "both": "from the two together, beyond their sum",
    }[part.name]


def notes(found: Explanation) -> list[str]:
    """Return what has to be known to read an explanation, a sentence each."""
    unchanged = {
        "data": "The training rows are the champion's.",
        "model": "Code and parameters are the champion's.",
    }
    said = [unchanged[name] for name in found.same]
    if found.code_changed and "data" not in found.same:
        said.append("The champion's code is another, so its model is not fitted on the new rows.")
    if found.other_code_here:
        said.append("The code here is not the run's; what was fitted now was fitted by the code here.")
    return said
