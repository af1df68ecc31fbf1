# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false

"""A pipeline small enough to be run a hundred times: points near a straight line, and a line through them.

Everything follows from closed forms, so that a verdict is the same with every library's random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Deliveries, Joined, PipelineSpec
from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import ConfigError
from mlops.runs.saved_types import objects

TABLE = "points"

#: Arrival to the months of 2020 that it brings; the newest month judges.
MONTHS: Mapping[str, tuple[int, ...]] = {"2020-02": (1, 2), "2020-03": (3,), "2020-04": (4,)}

_DAYS, _A_DAY, _NOISE, _WAVE = 25, 4, 4.0, 2.0

#: What a broken instrument shows, and the least that can be true.
BROKEN, LEAST = -60.0, -50.0


@dataclass(frozen=True)
class Params:
    """Parameters of the line.

    Attributes:
        flatter: By which share of itself its slope is too small; 0 is the best line.
        seed: What its wave starts from; 0 is a line without one. A parameter, although it must not be one:
            somebody will try until they are lucky.
        remembers: Whether it predicts points that it was trained on by heart.
    """

    flatter: float = 0.0
    seed: int = 0
    remembers: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.flatter <= 1:
            raise ConfigError("must be from 0 to 1", where="flatter")


class Line(RegressorMixin, BaseEstimator):
    """Predicts by the least-squares line through the origin, spoiled as its parameters say.

    Attributes:
        flatter: As in `Params`.
        seed: As in `Params`.
        remembers: As in `Params`.
        slope_: The slope that was fitted and spoiled.
        known_: ``x`` and ``y`` of the points that are known by heart, ascending by ``x``.
    """

    def __init__(self, flatter: float = 0.0, seed: int = 0, remembers: bool = False) -> None:
        self.flatter = flatter
        self.seed = seed
        self.remembers = remembers

    def fit(self, X: pd.DataFrame, y: Any) -> Line:  # noqa: N803  (scikit-learn's own name)
        """Fit the slope."""
        x, heights = X["x"].to_numpy(dtype="float64"), np.asarray(y, dtype="float64")
        self.slope_ = float(x @ heights / (x @ x)) * (1 - self.flatter)
        order = np.argsort(x) if self.remembers else np.arange(0)
        self.known_ = np.vstack([x[order], heights[order]])
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:  # noqa: N803
        """Return heights in metres, one per row."""
        x = X["x"].to_numpy(dtype="float64")
        wave = _WAVE * np.sin(x * (1 + self.seed) * 12.9898) if self.seed else 0.0
        heights = self.slope_ * x + wave
        at = np.searchsorted(self.known_[0], x)
        for row in np.flatnonzero(at < self.known_.shape[1]):
            if self.known_[0, at[row]] == x[row]:
                heights[row] = self.known_[1, at[row]]
        return heights


def points(months: tuple[int, ...], *, spoiled: bool = False) -> pd.DataFrame:
    """Return the points of some months: ``day``, ``n`` (the number within the day), ``x`` and ``y`` (m).

    Args:
        months: Months of 2020.
        spoiled: Whether every fiftieth height is `BROKEN`; no suite of raw tables looks at it.
    """
    rows = [
        (pd.Timestamp(2020, month, day), n, x, 2 * x + _NOISE * math.sin(1e4 * math.sin(x + n)))
        for month in months
        for day in range(1, _DAYS + 1)
        for n in range(_A_DAY)
        for x in [1 + 9 * math.modf(abs(math.sin(month * 997 + day * 31 + n * 7.7)) * 1e3)[0]]
    ]
    frame = pd.DataFrame(rows, columns=["day", "n", "x", "y"])
    return frame.assign(y=frame["y"].where(frame.index % 50 != 0, BROKEN)) if spoiled else frame


def _join(deliveries: Mapping[str, Deliveries]) -> Joined:
    rows = pd.concat(deliveries[TABLE].values(), ignore_index=True)
    rows = rows.sort_values(["day", "n"], ignore_index=True)
    return Joined(rows, {"no height": 0}, {"points read": len(rows)})


def spec(name: str) -> PipelineSpec:
    """Return the pipeline under the name of a repository."""
    return PipelineSpec(
        name=name,
        title="Height of points",
        tables=(TABLE,),
        key=("day", "n"),
        table_keys={TABLE: ("day", "n")},
        time="day",
        cluster="day",
        target="y",
        unit="m",
        model_input=("x",),
        excluded={},
        slices=(),
        params=Params,
        trusted_types=objects(f"{Line.__module__}.{Line.__qualname__}"),
        source=lambda _options: FunctionSource(
            lambda: list(MONTHS), lambda arrival: {TABLE: points(MONTHS[arrival])}
        ),
        parse=lambda _table, frame: frame,
        join=_join,
        model=lambda params, _seed: Line(params.flatter, params.seed, params.remembers),
        baseline=lambda _train, rows: rows["x"].to_numpy(dtype="float64"),
    )


def gate_files() -> dict[str, bytes]:
    """Return path to content of what judges this pipeline, without the server's actions."""
    present = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}
    high = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "y", "min_value": LEAST}}
    return {
        names.POLICY: b"metric: mae\nmin_gain: 0.3\nmin_clusters: 20\n",
        names.HOLDOUT_RULE: b"kind: newest_period\ncolumn: day\nperiod: month\n",
        names.suite_path(TABLE): document({"name": TABLE, "expectations": [present]}),
        names.suite_path("processed"): document({"name": "processed", "expectations": [present, high]}),
    }
