"""The steps of a run, an ingest and a rollback: pipelines and adapters brought together for the core.

Orchestration, the command line, demo and anomalies import it. Start with `run`, which brings a run from its
inputs to its end, then `workspace`, which every step takes.
"""
