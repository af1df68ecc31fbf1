"""Data alone: no model, nothing is predicted; suites decide, and a promotion is a version of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mlops.runs.errors import ProtocolMisuse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops.pipelines.spec import Deliveries, Joined, PipelineSpec


@dataclass(frozen=True)
class DataOnly:
    """A task of a pipeline that makes rows and no model.

    Its policy has the metric ``none`` and its holdout rule the kind ``none``. A run writes all rows, runs the
    suite on them and is promoted if the suite holds. Nothing that is about a prediction may be asked of it.

    Attributes:
        rows: Returns the rows from table to deliveries and the parameters of the run.
    """

    rows: Callable[[Mapping[str, Deliveries], Any], Joined]

    @property
    def name(self) -> str:
        """The kind of the task."""
        return "data"

    @property
    def columns(self) -> tuple[str, ...]:
        """No predicted columns."""
        return ()

    @property
    def losses(self) -> tuple[str, ...]:
        """No losses."""
        return ()

    @property
    def changes_in_units_of_target(self) -> bool:
        """Return false: there is no target."""
        return False

    def unit_key(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return the row key."""
        return spec.key

    def unit_input(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return nothing: no model takes any column."""
        return ()

    def reads(self, spec: PipelineSpec) -> tuple[str, ...]:
        """Return nothing: there are no training rows."""
        return ()

    def units(self, spec: PipelineSpec, holdout: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
        """Raise `ProtocolMisuse`: there is no holdout."""
        raise _no_model()

    def fit(self, spec: PipelineSpec, model: Any, train: pd.DataFrame) -> None:
        """Raise `ProtocolMisuse`: there is no model."""
        raise _no_model()

    def targets(self, values: pd.Series) -> pd.Series:
        """Raise `ProtocolMisuse`: there is no target."""
        raise _no_model()

    def predict(self, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
        """Raise `ProtocolMisuse`: there is no model."""
        raise _no_model()

    def baseline(self, predicted: Any, rows: int) -> pd.DataFrame:
        """Raise `ProtocolMisuse`: there is no baseline."""
        raise _no_model()

    def costs(self, targets: pd.Series, predicted: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """Raise `ProtocolMisuse`: nothing is predicted."""
        raise _no_model()

    def details(self, targets: pd.Series, predicted: pd.DataFrame, clusters: pd.Series) -> Mapping[str, Any]:
        """Raise `ProtocolMisuse`: nothing is predicted."""
        raise _no_model()

    def change(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Raise `ProtocolMisuse`: nothing is predicted."""
        raise _no_model()

    def spread(self, targets: pd.Series) -> float:
        """Raise `ProtocolMisuse`: there is no target."""
        raise _no_model()


def no_model(*_arguments: Any) -> NoReturn:
    """Raise `ProtocolMisuse`; stands for the model and the baseline of a specification without them."""
    raise _no_model()


def _no_model() -> ProtocolMisuse:
    return ProtocolMisuse("the pipeline holds data alone: there is no model and no prediction")
