"""Dagster: the run protocol as assets, checks, jobs and sensors.

The command line imports `runner` to execute a run; Dagster itself imports `definitions`. Start with
`assets`.
"""

from mlops.orchestration.building import build

__all__ = ["build"]
