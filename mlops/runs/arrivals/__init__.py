"""Arrivals of raw data: ingested to `main` once validated, and re-ingested if a rollback dropped them.

Steps and the audit import it. Start with `ingest`.
"""
