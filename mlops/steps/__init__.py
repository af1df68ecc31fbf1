"""The steps of a run, an ingest and a rollback: pipelines and adapters brought together for the core."""
