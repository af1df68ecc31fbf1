"""The schema of the files under ``gate/``: keys, types and bounds. Imports pydantic, so import it late."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mlops.runs.decisions import Guard, Policy
from mlops.runs.errors import bounded
from mlops.runs.evidence import NO_METRIC, is_metric
from mlops.runs.records import HoldoutRule

_MAX_NAME = 100
_COLUMN = r"[A-Za-z_][0-9A-Za-z_]{0,63}"

#: A column's name; it becomes the first part of ``<column>=<value>``.
Column = Annotated[str, Field(pattern=rf"\A{_COLUMN}\z")]


def _metric(name: str) -> str:
    if not is_metric(name):
        raise ValueError(
            f"{bounded(repr(name), 80)} is no metric: mae, rmse, bias or another that the task records"
        )
    return name


#: Name of a metric; whether a pipeline records it is checked where the pipeline is known.
MetricName = Annotated[str, AfterValidator(_metric)]


def _guarded(name: str) -> str:
    if name == NO_METRIC:
        raise ValueError(f"'{NO_METRIC}' is no metric, so nothing can be guarded by it")
    return name


GuardedName = Annotated[MetricName, AfterValidator(_guarded)]


def _person(name: str) -> str:
    if not 0 < len(name) <= _MAX_NAME or name != " ".join(name.split()) or not name.isprintable():
        raise ValueError(f"{bounded(repr(name), 80)} is no name of a person: up to {_MAX_NAME} characters")
    return name


#: Name of a person as the policy lists it.
PersonName = Annotated[str, AfterValidator(_person)]

_DEFAULT = Policy()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class GuardEntry(_File):
    """One entry of ``guards``."""

    metric: GuardedName
    tolerance: float = Field(gt=0)
    by: str = Field(default="", pattern=rf"\A(?:{_COLUMN})?\z")

    def value(self) -> Guard:
        """Return the guard."""
        return Guard(self.metric, self.tolerance, self.by)


class PolicyFile(_File):
    """``gate/policy.yaml``; a key that is left out has the default of `Policy`."""

    metric: MetricName = _DEFAULT.metric
    min_gain: float = Field(default=_DEFAULT.min_gain, ge=0)
    alpha: float = Field(default=_DEFAULT.alpha, gt=0, le=0.5)
    min_clusters: int = Field(default=_DEFAULT.min_clusters, ge=2, le=1_000_000)
    min_slice_rows: int = Field(default=_DEFAULT.min_slice_rows, ge=1, le=1_000_000)
    min_slice_clusters: int = Field(default=_DEFAULT.min_slice_clusters, ge=2, le=1_000_000)
    must_beat_baseline: bool = _DEFAULT.must_beat_baseline
    max_model_size_bytes: int | None = Field(default=None, ge=1, le=2**53)
    max_prediction_ms_per_1000_rows: float | None = Field(default=None, gt=0)
    guards: list[GuardEntry] = Field(default=[], max_length=100)
    signatures: Literal["optional", "required"] = "optional"
    promotion: Literal["auto", "review"] = "auto"
    override_by: list[PersonName] = Field(default=[], max_length=20)

    @model_validator(mode="after")
    def _one_guard_each(self) -> PolicyFile:
        for i, entry in enumerate(self.guards):
            if any((entry.metric, entry.by) == (other.metric, other.by) for other in self.guards[:i]):
                by = f" by {entry.by}" if entry.by else ""
                raise ValueError(f"{entry.metric}{by} is guarded twice")
        return self

    @model_validator(mode="after")
    def _no_guards_without_a_model(self) -> PolicyFile:
        if self.metric == NO_METRIC and self.guards:
            raise ValueError(f"with the metric '{NO_METRIC}' there is no model, so nothing can be guarded")
        return self

    def value(self) -> Policy:
        """Return the policy."""
        return Policy(
            metric=self.metric,
            min_gain=self.min_gain,
            alpha=self.alpha,
            min_clusters=self.min_clusters,
            min_slice_rows=self.min_slice_rows,
            min_slice_clusters=self.min_slice_clusters,
            must_beat_baseline=self.must_beat_baseline,
            max_model_size_bytes=self.max_model_size_bytes,
            max_prediction_ms_per_1000_rows=self.max_prediction_ms_per_1000_rows,
            guards=tuple(entry.value() for entry in self.guards),
            signatures=self.signatures,
            promotion=self.promotion,
            override_by=tuple(self.override_by),
        )


class NewestPeriodFile(_File):
    """``gate/holdout.yaml`` that holds out the newest period of a time column."""

    kind: Literal["newest_period"]
    column: Column
    period: Literal["day", "week", "month", "quarter", "year"]

    def value(self) -> HoldoutRule:
        """Return the rule."""
        return HoldoutRule(self.kind, column=self.column, period=self.period)


class RollingOriginFile(_File):
    """``gate/holdout.yaml`` that holds out several newest periods; each judges models trained before."""

    kind: Literal["rolling_origin"]
    column: Column
    period: Literal["day", "week", "month", "quarter", "year"]
    periods: int = Field(ge=2, le=52)

    def value(self) -> HoldoutRule:
        """Return the rule."""
        return HoldoutRule(self.kind, column=self.column, period=self.period, periods=self.periods)


class HashFile(_File):
    """``gate/holdout.yaml`` that holds out a stable share of the keys, by the row key or by named columns."""

    kind: Literal["hash"]
    fraction: float = Field(gt=0, le=0.5)
    by: list[Column] = Field(default=[], max_length=20)

    def value(self) -> HoldoutRule:
        """Return the rule."""
        return HoldoutRule(self.kind, fraction=self.fraction, by=tuple(self.by))


class NothingFile(_File):
    """``gate/holdout.yaml`` of a pipeline without a model: nothing is held out."""

    kind: Literal["none"]

    def value(self) -> HoldoutRule:
        """Return the rule."""
        return HoldoutRule(self.kind)


class KeysFile(_File):
    """``gate/holdout.yaml`` that holds out the rows with listed values of one column."""

    kind: Literal["keys"]
    column: Column
    values: list[str] = Field(min_length=1, max_length=10_000)

    def value(self) -> HoldoutRule:
        """Return the rule."""
        return HoldoutRule(self.kind, column=self.column, by=(self.column,), values=tuple(self.values))
