"""A pipeline without a model, small enough for a test: measurements, of which a parameter keeps some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import Deliveries, Joined, data_only
from mlops.runs import names
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import memory_workspace
from tests.support.protocol import GATE_FILES

PARTS = ("part-1", "part-2", "part-3")


@dataclass(frozen=True)
class Params:
    """Parameters of the rows.

    Attributes:
        most: Largest value that is kept.
    """

    most: float = 100.0


def measured(arrival: str) -> pd.DataFrame:
    """Return the measurements of a part: place, time and value."""
    part = PARTS.index(arrival)
    count = 60
    return pd.DataFrame(
        {
            "place": [f"p{part}-{n}" for n in range(count)],
            "at": pd.date_range(f"2024-0{part + 1}-01", periods=count, freq="h", tz="UTC"),
            "value": [float(n * 2 + part) for n in range(count)],
        }
    )


def _rows(deliveries: Mapping[str, Deliveries], params: Params) -> Joined:
    read = pd.concat(deliveries["measurements"].values(), ignore_index=True)
    kept = read[read["value"] <= params.most].sort_values("place", ignore_index=True)
    return Joined(kept, {"too large": len(read) - len(kept)}, {"measurements read": len(read)})


SPEC = data_only(
    name="tiny-data",
    title="Measurements",
    tables=("measurements",),
    key=("place",),
    table_keys={"measurements": ("place",)},
    params=Params,
    source=lambda _options: FunctionSource(
        lambda: PARTS, lambda arrival: {"measurements": measured(arrival)}
    ),
    parse=lambda _table, frame: frame,
    rows=_rows,
    time="at",
)

POLICY = b"metric: none\n"
RULE = b"kind: none\n"


def suite(largest: float = 200.0) -> bytes:
    """Return a suite of the processed rows that accepts values up to a bound."""
    between = {"column": "value", "min_value": 0, "max_value": largest}
    expected: list[dict[str, Any]] = [
        {"type": "expect_column_values_to_be_between", "kwargs": between},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "place"}},
    ]
    return json.dumps({"name": "processed", "expectations": expected}).encode()


def gate_files(policy: bytes = POLICY, rule: bytes = RULE, largest: float = 200.0) -> dict[str, bytes]:
    """Return the gate configuration."""
    raw = {
        "name": "measurements",
        "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "value"}}],
    }
    return {
        names.POLICY: policy,
        names.HOLDOUT_RULE: rule,
        names.suite_path("measurements"): json.dumps(raw).encode(),
        names.suite_path("processed"): suite(largest),
        names.ENFORCER: GATE_FILES[names.ENFORCER],
    }


def data_workspace(*arrivals: str, largest: float = 200.0) -> Workspace:
    """Return a workspace in memory whose `main` holds the arrivals."""
    return memory_workspace(SPEC, gate_files(largest=largest), *arrivals)
