"""How the tests of all kinds run: the same examples every time, on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.telling import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of single tests; they have to be known before their folders are looked at."""
    parser.addoption("--seeds", type=int, default=5, help="sequences that are told to a real lakeFS, too")


_SLOW_MACHINES = [HealthCheck.too_slow]

# Derandomized: a failure on one machine is a failure on all. `HYPOTHESIS_PROFILE=ci` looks further.
settings.register_profile(
    "dev",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    suppress_health_check=_SLOW_MACHINES,
)
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=300,
    suppress_health_check=_SLOW_MACHINES,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

#: Which servers are talked to and where is written must not depend on which test ran before.
_WATCHED = ("MLOPS_", "LAKECTL_", "LAKEFS_", "DAGSTER_HOME", "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_")


@pytest.fixture(autouse=True)
def environment_is_left_as_found() -> Iterator[None]:
    before = _watched()
    yield
    assert _watched() == before, "the test changed the environment of the tests after it"


def _watched() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_WATCHED)}
