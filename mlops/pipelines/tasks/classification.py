# pandas and scikit-learn ship no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportReturnType=false, reportAttributeAccessIssue=false

"""Classification: one of several declared classes per row, predicted as a probability of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.pipelines.tasks.forms import largest_change, numbers
from mlops.pipelines.tasks.rows import RowTask
from mlops.runs.errors import ConfigError, InputError, bounded

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LOG_LOSS, BRIER, ERROR_RATE = "log_loss", "brier", "error_rate"

#: Probabilities are moved this far from 0 and 1 before their logarithm is taken, so that one row cannot
#: outweigh all others; a miss that was thought impossible costs 34.5.
CLIP = 1e-15
#: How far the probabilities of a row may be from adding to 1.
_TOTAL_TOLERANCE = 1e-6
_MOST_NAMED = 5


@dataclass(frozen=True)
class Classification(RowTask):
    """A task whose target is one of several classes.

    The metrics are ``log_loss`` (nats, probabilities clipped by `CLIP`), ``brier`` (sum over the classes of
    squared errors, 0 to 2; Brier 1950) and ``error_rate`` (share of rows whose most probable class is
    another one; the first of equal ones counts).

    Attributes:
        classes: All classes, at least two, in the order of the predicted columns.
    """

    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise `ConfigError` where the classes are not at least two different names."""
        if len(self.classes) < 2 or len(set(self.classes)) != len(self.classes) or "" in self.classes:
            raise ConfigError(
                f"must be at least two different names, not {bounded(repr(self.classes), 80)}",
                where="classes",
            )

    @property
    def name(self) -> str:
        """The kind of the task."""
        return "classification"

    @property
    def changes_in_units_of_target(self) -> bool:
        """Return false: a change of a prediction has no unit."""
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses in their order."""
        return (LOG_LOSS, BRIER, ERROR_RATE)

    def targets(self, values: pd.Series) -> pd.Series:
        """Return the targets as text.

        Raises:
            InputError: A value is no class of the task, or missing.
        """
        texts = values.astype("str")
        unknown = values.isna() | ~texts.isin(self.classes)
        if unknown.any():
            found = sorted(set(texts[unknown]))
            named = ", ".join(bounded(repr(value), 40) for value in found[:_MOST_NAMED])
            more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            raise InputError(
                f"{int(unknown.sum())} rows have classes that the pipeline does not declare: {named}{more}",
                where=str(values.name),
                todo=f"the classes are {', '.join(self.classes)}",
            )
        return texts

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what ``model.predict_proba`` gives; a class that the model never saw is given 0."""
        known = [str(label) for label in model.classes_]
        strange = [label for label in known if label not in self.classes]
        if strange:
            named = ", ".join(bounded(repr(label), 40) for label in strange[:_MOST_NAMED])
            raise InputError(f"predicts classes that the pipeline does not declare: {named}")
        found = numbers(model.predict_proba(rows), len(rows), tuple(known))
        return self._checked(found.reindex(columns=list(self.classes), fill_value=0.0))

    def baseline(self, predicted: Any, rows: int) -> pd.DataFrame:
        """Return what the baseline gave: an array of one probability per row and class."""
        return self._checked(numbers(predicted, rows, self.classes))

    def _checked(self, predicted: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        values = predicted.to_numpy("float64")
        outside = int(((values < 0) | (values > 1)).any(axis=1).sum())
        if outside:
            raise InputError(f"gave {outside} rows probabilities below 0 or above 1")
        off = int((np.abs(values.sum(axis=1) - 1) > _TOTAL_TOLERANCE).sum())
        if off:
            raise InputError(f"gave {off} rows probabilities that do not add to 1")
        return predicted

    def costs(self, targets: pd.Series, predicted: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Return the losses of every row; NaN where the target is no class or a probability is missing."""
        import numpy as np

        probabilities = predicted.to_numpy("float64", copy=True)
        position = {label: at for at, label in enumerate(self.classes)}
        right = np.asarray([position.get(label, -1) for label in targets], dtype=np.int64)
        probabilities[right < 0] = np.nan
        truth = np.zeros_like(probabilities)
        truth[np.arange(len(right)), right] = 1.0
        given = np.clip(probabilities[np.arange(len(right)), right], CLIP, 1 - CLIP)
        lost = np.isnan(probabilities).any(axis=1)
        return {
            LOG_LOSS: -np.log(given),
            BRIER: np.square(probabilities - truth).sum(axis=1),
            ERROR_RATE: np.where(lost, np.nan, probabilities.argmax(axis=1) != right),
        }

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Return the largest difference of a probability."""
        return largest_change(one, other)

    def spread(self, targets: pd.Series) -> float:
        """Return 1, from impossible to certain, whatever the targets are."""
        return 1.0

    def details(self, targets: pd.Series, predicted: pd.DataFrame, clusters: pd.Series) -> Mapping[str, Any]:
        """Return confusion, calibration, and AUC and F1 with their intervals."""
        import numpy as np

        from mlops.pipelines.tasks.classification_details import describe

        position = {label: at for at, label in enumerate(self.classes)}
        right = np.asarray([position[label] for label in targets], dtype=np.int64)
        return describe(self.classes, right, predicted.to_numpy("float64"), list(clusters)).to_json()
