"""Dagster: the run protocol as assets, checks, jobs and sensors. Nothing else of the project imports it."""
