"""Evidence: losses of candidate, champion and baseline on the same rows, summed by cluster and slice.

``reports/paired.json`` is a `Paired`. `mlops.runs.decisions` holds what is decided on it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlops.runs import names
from mlops.runs.errors import Corrupt
from mlops.runs.json_values import flag, items, nulled, number, text, whole

ALL_ROWS = "all"
#: The metric of a policy about data without a model: nothing is compared, the suites decide.
NO_METRIC = "none"


class IntervalRule(StrEnum):
    """Rules by which intervals are computed from sums per cluster; evidence names the one of its time.

    Attributes:
        CR1: The rule of evidence that names none: one factor for few clusters, their number less one as
            degrees of freedom, and every slice judged.
        CR2: Variance and degrees of freedom that allow for clusters of unequal size; slices below the least
            numbers of rows and clusters of the policy are not judged.
    """

    CR1 = ""
    CR2 = "cr2"


class Loss(StrEnum):
    """Losses of the metrics that have a form of their own: error = prediction - target, in its units.

    Any other loss is recorded under the name of the metric that is its mean; it is never negative.
    """

    ABSOLUTE = "absolute_error"
    SQUARED = "squared_error"
    SIGNED = "signed_error"


class Metric(StrEnum):
    """Metrics with a form of their own; any other metric is the mean of the loss of the same name."""

    MAE = "mae"
    RMSE = "rmse"
    BIAS = "bias"


_LOSSES: Mapping[str, str] = {
    Metric.MAE: Loss.ABSOLUTE,
    Metric.RMSE: Loss.SQUARED,
    Metric.BIAS: Loss.SIGNED,
}
_METRICS: Mapping[str, str] = {loss: metric for metric, loss in _LOSSES.items()}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def loss_of(metric: str) -> str:
    """Return the name of the loss whose sums a metric is computed from."""
    return str(_LOSSES.get(metric, metric))


def metric_of(loss: str) -> str:
    """Return the name of the metric that is computed from the sums of a loss."""
    return str(_METRICS.get(loss, loss))


def is_metric(name: str) -> bool:
    """Return whether a policy may name a metric so; whether a pipeline records it is another question."""
    return bool(_NAME.fullmatch(name)) and name not in _METRICS


class Contender(StrEnum):
    """The three makers of predictions that are compared."""

    CANDIDATE = "candidate"
    CHAMPION = "champion"
    BASELINE = "baseline"


@dataclass(frozen=True)
class Series:
    """Sums of one loss over one slice of the holdout, one entry per cluster, in the order of the clusters.

    Attributes:
        loss: Name of the loss.
        slice: ``all`` or ``<column>=<value>``.
        clusters: Cluster names, ascending; clusters without rows in the slice are left out.
        n: Rows per cluster.
        candidate: Sum of the candidate's loss per cluster.
        champion: The champion's; empty where there is no champion.
        baseline: The declared baseline's.
    """

    loss: str
    slice: str
    clusters: tuple[str, ...]
    n: tuple[int, ...]
    candidate: tuple[float, ...]
    champion: tuple[float, ...]
    baseline: tuple[float, ...]

    def of(self, contender: Contender) -> tuple[float, ...]:
        """Return the sums of one contender; empty where it did not take part."""
        return {
            Contender.CANDIDATE: self.candidate,
            Contender.CHAMPION: self.champion,
            Contender.BASELINE: self.baseline,
        }[contender]


@dataclass(frozen=True)
class Footprint:
    """Size and speed of a candidate's model, as measured where it was evaluated.

    Attributes:
        model_size_bytes: Size of all objects of the model.
        prediction_ms_per_1000_rows: Time of a prediction of a thousand rows: the median of some repeats.
        machine: What it was measured on.
    """

    model_size_bytes: int
    prediction_ms_per_1000_rows: float
    machine: str


@dataclass(frozen=True)
class Fold:
    """One period of a holdout of several, and the models that it judged.

    Attributes:
        begins: Its smallest time, ISO 8601.
        rows: Its rows.
        candidate_trained_until: Largest time in the training rows of the candidate's model that predicted it.
        champion_trained_until: The same of the champion's; empty without one.
    """

    begins: str
    rows: int
    candidate_trained_until: str
    champion_trained_until: str


@dataclass(frozen=True)
class Paired:
    """``reports/paired.json``: everything the verdict is computed from, but the policy.

    Its JSON has null for sums that are not finite; they are read back as NaN.

    Attributes:
        holdout_digest: SHA-256 over the holdout's rows (key, target, model input).
        rows: Rows of the holdout.
        has_champion: Whether a champion was scored.
        train_overlap: Holdout row keys that are in the training rows of either model; must be 0.
        candidate_trained_until: Largest time in the candidate's training rows, ISO 8601.
        champion_trained_until: The champion's; empty without one.
        holdout_from: Smallest time in the holdout, ISO 8601; of several periods, in the newest, which judges
            the promoted model itself. Empty where the holdout is no period of time and training may go on
            into it.
        series: One per loss and slice.
        holdout_id: What the holdout is, whatever its bytes (`mlops.runs.gate.holdouts`); empty in evidence of
            versions that counted evaluations by the digest of the rows.
        footprint: What the candidate's model costs; None in evidence of earlier versions.
        interval: The rule of its intervals: that of the enforcer on `main`, and nobody else's choice.
        folds: The periods of a rolling origin, ascending; else none.
    """

    holdout_digest: str
    rows: int
    has_champion: bool
    train_overlap: int
    candidate_trained_until: str
    champion_trained_until: str
    holdout_from: str
    series: tuple[Series, ...]
    holdout_id: str = ""
    interval: str = IntervalRule.CR1
    footprint: Footprint | None = None
    folds: tuple[Fold, ...] = ()

    @property
    def identity(self) -> str:
        """Identity by which evaluations of this holdout are counted."""
        return self.holdout_id or self.holdout_digest

    def get(self, loss: str, slice_: str = ALL_ROWS) -> Series | None:
        """Return the series of a loss on a slice, or None where it was not recorded."""
        return next((s for s in self.series if s.loss == loss and s.slice == slice_), None)

    def slices(self, column: str) -> list[str]:
        """Return the recorded slices of a column, ``<column>=<value>``, ascending."""
        return sorted({s.slice for s in self.series if s.slice.startswith(f"{column}=")})

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        found = nulled(dataclasses.asdict(self))
        # A reader in another language takes any null for a sum that is not finite.
        return {key: item for key, item in found.items() if item is not None and (key != "folds" or item)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Paired:
        """Return the evidence that ``value`` describes.

        Raises:
            Corrupt: A field is missing or of the wrong form.
        """
        try:
            return Paired(
                holdout_digest=text(value["holdout_digest"]),
                rows=whole(value["rows"]),
                has_champion=flag(value["has_champion"]),
                train_overlap=whole(value["train_overlap"]),
                candidate_trained_until=text(value["candidate_trained_until"]),
                champion_trained_until=text(value["champion_trained_until"]),
                holdout_from=text(value["holdout_from"]),
                series=tuple(_series(row) for row in items(value["series"])),
                holdout_id=text(value.get("holdout_id", "")),
                interval=IntervalRule(text(value.get("interval", ""))),
                footprint=_footprint(value.get("footprint")),
                folds=tuple(_fold(row) for row in items(value.get("folds", []))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupt(f"not paired losses: {error}", where=names.PAIRED) from error


def _fold(row: Mapping[str, Any]) -> Fold:
    return Fold(
        begins=text(row["begins"]),
        rows=whole(row["rows"]),
        candidate_trained_until=text(row["candidate_trained_until"]),
        champion_trained_until=text(row["champion_trained_until"]),
    )


def _footprint(value: Mapping[str, Any] | None) -> Footprint | None:
    if value is None:
        return None
    return Footprint(
        model_size_bytes=whole(value["model_size_bytes"]),
        prediction_ms_per_1000_rows=number(value["prediction_ms_per_1000_rows"]),
        machine=text(value["machine"]),
    )


def _series(row: Mapping[str, Any]) -> Series:
    return Series(
        loss=_loss(row["loss"]),
        slice=text(row["slice"]),
        clusters=tuple(map(text, items(row["clusters"]))),
        n=tuple(map(whole, items(row["n"]))),
        candidate=tuple(map(number, items(row["candidate"]))),
        champion=tuple(map(number, items(row["champion"]))),
        baseline=tuple(map(number, items(row["baseline"]))),
    )


def _loss(name: object) -> str:
    found = text(name)
    if not _NAME.fullmatch(found):
        raise ValueError(f"{found[:80]!r} is not the name of a loss")
    return found
