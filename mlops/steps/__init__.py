"""The steps of a run, an ingest and a rollback: they connect pipelines and adapters with the core.

Orchestration, the command line, demo and anomalies import it. Start with `run`, which brings a run from its
inputs to its end, then `workspace`, which every step takes. What belongs together has a package of its own:
arrivals, audit, checks of pipelines, evaluation, holdouts of several periods, the repository with its gate,
and rollback.
"""
