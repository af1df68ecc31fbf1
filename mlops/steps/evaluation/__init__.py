"""Evaluation of a candidate: models and baseline on the same units, their losses, and the evidence.

Runs, rollbacks, audits and the command line import it; it imports pipelines, adapters and the core. Start
with `judge`, then `score`.
"""
