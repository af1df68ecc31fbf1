"""Dagster: the run protocol as assets, checks, jobs and sensors. Nothing else of the project imports it."""

from mlops.orchestration.building import build

__all__ = ["build"]
