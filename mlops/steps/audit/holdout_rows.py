# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

"""The rows of a holdout in the form in which an audit compares evidence with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.pipelines.holdout import row_digest
from mlops.runs.errors import Corrupt
from mlops.steps.audit.loss_sums import Groups, groups_of
from mlops.steps.evaluation.paired_losses import CLUSTER, TARGET
from mlops.steps.evaluation.score import baseline, texts
from mlops.steps.rolling.periods import Period, periods_of

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.records import HoldoutRule


@dataclass(frozen=True)
class HoldoutRows:
    """The data of a holdout that the proofs of every promotion evaluated on it need.

    Attributes:
        digest: Digest of its rows, as evidence names it.
        begins: Its smallest time, ISO 8601; of several periods, in the newest.
        periods: The periods of a rolling origin; else none.
        key: Keys of its units, in order.
        clusters: Cluster of each unit.
        targets: Target of each unit.
        slices: Slice column to its value in each unit.
        groups: Its clusters, on all units and on each slice.
        baseline: The declared baseline's predictions of the units.
    """

    digest: str
    begins: str
    periods: tuple[Period, ...]
    key: pd.DataFrame
    clusters: pd.Series
    targets: pd.Series
    slices: dict[str, list[str]]
    groups: Groups
    baseline: pd.DataFrame


def rows_of(
    spec: PipelineSpec, holdout: pd.DataFrame, train: pd.DataFrame, rolling: HoldoutRule | None = None
) -> HoldoutRows:
    """Return the rows of a holdout; of the training rows, what task and baseline read is read.

    Args:
        spec: The pipeline.
        holdout: The rows.
        train: The training rows.
        rolling: The rule of a holdout of several periods.
    """
    import pandas as pd

    units = spec.task.units(spec, holdout, train)
    clusters = texts(units[spec.cluster])
    slices = {column: texts(units[column]) for column in spec.slices}
    periods = tuple(periods_of(spec, rolling, holdout)) if rolling else ()
    begins = periods[-1].begins if periods else holdout[spec.time].min() if spec.time else None
    return HoldoutRows(
        digest=row_digest(holdout, spec.key, [spec.target, *spec.model_input]),
        begins=begins.isoformat() if begins is not None else "",
        periods=periods,
        key=units[list(spec.task.unit_key(spec))].reset_index(drop=True),
        clusters=pd.Series(clusters, dtype="str"),
        targets=spec.task.targets(units[spec.target]).reset_index(drop=True),
        slices=slices,
        groups=groups_of(clusters, slices),
        baseline=baseline(spec, train, units, rolling),
    )


def same_rows(rows: HoldoutRows, predictions: pd.DataFrame) -> Iterator[str]:
    """Yield how predictions are of other rows than those of the holdout."""
    if len(rows.key) != len(predictions):
        raise Corrupt(f"{len(predictions)} predictions for {len(rows.key)} holdout rows")
    if not rows.key.equals(predictions[list(rows.key.columns)]):
        yield "the predictions are of other rows than the holdout's"
    if not rows.clusters.equals(predictions[CLUSTER]):
        yield "the predictions are in other clusters than the holdout's rows"
    if not predictions[TARGET].equals(rows.targets.rename(TARGET)):
        yield "the predictions are held against other targets than the holdout's"
