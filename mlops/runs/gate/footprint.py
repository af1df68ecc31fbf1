"""Bounds of a model's size and of the time that it takes to predict, where the policy names them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mlops.runs.decisions import Bound, Finding, Policy, Reason
from mlops.runs.evidence import Paired

_UNITS = {"model_size_bytes": "bytes", "prediction_ms_per_1000_rows": "ms per 1,000 rows"}
_TITLES = {"model_size_bytes": "Size of the model", "prediction_ms_per_1000_rows": "Prediction time"}


def bounds(paired: Paired, policy: Policy) -> tuple[Bound, ...]:
    """Return the measures that the policy bounds, size first; evidence without them has none."""
    measured = paired.footprint
    if measured is None:
        return ()
    values = (
        ("model_size_bytes", measured.model_size_bytes),
        ("prediction_ms_per_1000_rows", measured.prediction_ms_per_1000_rows),
    )
    return tuple(
        Bound(name, value, maximum, value <= maximum)
        for name, value in values
        if (maximum := _maximum(policy, name)) is not None
    )


def unmeasured(paired: Paired, policy: Policy) -> Iterator[str]:
    """Yield measures that the policy bounds and the evidence lacks, or that no model can have."""
    measured = paired.footprint
    if measured is None:
        for name, title in _TITLES.items():
            if _maximum(policy, name) is not None:
                yield f"{title} was not measured, and the policy bounds it."
        return
    if measured.model_size_bytes < 0:
        yield "The size of the model is negative."
    time_ms = measured.prediction_ms_per_1000_rows
    if not math.isfinite(time_ms) or time_ms < 0:
        yield "The prediction time is not a positive number."


def exceeded(found: tuple[Bound, ...]) -> list[Finding]:
    """Return the reasons to refuse a model that is larger or slower than the policy accepts."""
    return [
        Finding(
            Reason.GUARD_FAILED,
            f"{_TITLES[bound.name]} {_number(bound.value)} {_UNITS[bound.name]}; "
            f"it must not be above {_number(bound.maximum)}.",
        )
        for bound in found
        if not bound.holds
    ]


def _maximum(policy: Policy, name: str) -> float | None:
    return {
        "model_size_bytes": policy.max_model_size_bytes,
        "prediction_ms_per_1000_rows": policy.max_prediction_ms_per_1000_rows,
    }[name]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
