"""The steps of a run, an ingest and a rollback: they connect pipelines and adapters with the core.

Orchestration, the command line, demo and anomalies import it. Start with `run`, which brings a run from its
inputs to its end, then `workspace`, which every step takes. There is one module for each step of a run and
for each operation of the command line, hence the long folder; only audits, which are several, have one of
their own.
"""
