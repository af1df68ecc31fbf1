"""Dagster: the run protocol as assets, checks, jobs and sensors.

The command line imports `runner` to execute a run; Dagster itself imports `definitions`. Start with
`assets`; nothing is imported here, so that `home` can be used without Dagster.
"""
