"""Real months of flights, read once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops.pipelines import pipeline
from mlops.pipelines.spec import Joined, PipelineSpec

EXPECTATIONS = Path(__file__).parents[2] / "expectations"


def joined(spec: PipelineSpec, *arrivals: str) -> Joined:
    """Return the joined rows of the arrivals."""
    deliveries = {arrival: spec.source({}).extract(arrival) for arrival in arrivals}
    return spec.join({table: {a: deliveries[a][table] for a in deliveries} for table in spec.tables})


def suite(table: str) -> dict[str, Any]:
    """Return the suite of a table of flights."""
    return json.loads((EXPECTATIONS / "flights" / f"{table}.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Fit on one thread: OpenMP's threads wait in a loop for each other, which other processes pay for."""
    # The limit reaches only libraries that are loaded by then.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def spec() -> PipelineSpec:
    return pipeline("flights")


@pytest.fixture(scope="session")
def spring(spec: PipelineSpec) -> Joined:
    """February and March: the clocks go forward in March."""
    return joined(spec, "2013-02", "2013-03")


@pytest.fixture(scope="session")
def autumn(spec: PipelineSpec) -> Joined:
    """October and November: the clocks go back in November."""
    return joined(spec, "2013-10", "2013-11")
