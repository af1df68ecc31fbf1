"""Adapters: one client library each, behind the protocols of `mlops.runs.ports`.

The core never imports this package; steps, orchestration and the command line do. Start with `lake.lake`,
which reads and writes lakeFS, and `tracking.tracker`, which does the same for MLflow.
"""
