# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false

"""Regression: a number per row, or one number per declared quantile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.tasks.forms import largest_change, numbers
from mlops.pipelines.tasks.rows import RowTask
from mlops.runs.errors import ConfigError
from mlops.runs.evidence import Loss

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PINBALL = "pinball"
_ERRORS = (str(Loss.ABSOLUTE), str(Loss.SQUARED), str(Loss.SIGNED))


@dataclass(frozen=True)
class Regression(RowTask):
    """A task whose target is a number.

    Without quantiles the metrics are ``mae``, ``rmse`` and ``bias``. With them a model predicts one number
    per quantile, and the metrics are ``pinball_<percent>`` for each and ``pinball``, their mean; where the
    median is among them, it is also measured by ``mae``, ``rmse`` and ``bias``.

    Attributes:
        quantiles: Whole percentages as fractions in (0, 1), ascending, e.g. ``(0.1, 0.5, 0.9)``.
    """

    quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ConfigError` where quantiles are not ascending whole percentages between 0 and 1."""
        whole = all(0 < q < 1 and abs(q * 100 - round(q * 100)) < 1e-9 for q in self.quantiles)
        if not whole or list(self.quantiles) != sorted(set(self.quantiles)):
            raise ConfigError(
                f"must be whole percentages between 0 and 1, ascending, not {self.quantiles}",
                where="quantiles",
            )

    @property
    def name(self) -> str:
        """The kind of the task."""
        return "regression"

    @property
    def changes_in_units_of_target(self) -> bool:
        """Return true: a change of a prediction has the target's unit."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """One column without a name, or ``q10`` and so on."""
        return tuple(f"q{_percent(q)}" for q in self.quantiles) or ("",)

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses, the errors of the point prediction first."""
        of_quantiles = (PINBALL, *(f"{PINBALL}_{_percent(q)}" for q in self.quantiles))
        return (*(_ERRORS if self._point is not None else ()), *(of_quantiles if self.quantiles else ()))

    @property
    def _point(self) -> int | None:
        """Position of the column that is the point prediction."""
        if not self.quantiles:
            return 0
        return next((at for at, quantile in enumerate(self.quantiles) if quantile == 0.5), None)

    def targets(self, values: pd.Series) -> pd.Series:
        """Return the targets as float64."""
        return values.astype("float64")

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what ``model.predict`` gives."""
        return numbers(model.predict(rows), len(rows), self.columns)

    def baseline(self, predicted: Any, rows: int) -> pd.DataFrame:
        """Return what the baseline gave: an array of the same shape as predictions."""
        return numbers(predicted, rows, self.columns)

    def costs(self, targets: pd.Series, predicted: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the losses of every row.

        The pinball loss of the quantile q is ``max(q (y - p), (q - 1) (y - p))`` (Koenker & Bassett 1978).
        """
        import numpy as np

        truth, found = targets.to_numpy("float64"), predicted.to_numpy("float64")
        losses: dict[str, np.ndarray] = {}
        with np.errstate(over="ignore", invalid="ignore"):
            if self._point is not None:
                errors = found[:, self._point] - truth
                losses = dict(zip(_ERRORS, (np.abs(errors), errors * errors, errors), strict=True))
            if self.quantiles:
                levels = np.asarray(self.quantiles)
                short = truth[:, None] - found
                pinball = np.maximum(levels * short, (levels - 1) * short)
                losses[PINBALL] = pinball.mean(axis=1)
                losses |= {f"{PINBALL}_{_percent(q)}": pinball[:, at] for at, q in enumerate(self.quantiles)}
        return losses

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Return absolute differences, in units of the target."""
        return largest_change(one, other)

    def spread(self, targets: pd.Series) -> float:
        """Return the standard deviation of the targets."""
        import numpy as np

        return float(np.std(targets.to_numpy("float64"))) or 1.0


def _percent(quantile: float) -> int:
    return round(quantile * 100)
