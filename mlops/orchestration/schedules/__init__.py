"""Schedules of each pipeline: audit, sweep, rehearsal, drift and retraining, with the jobs that they start.

`mlops.orchestration.definitions` imports it; it calls the steps that the commands call. Start with `declare`;
what each job does is in `work`.
"""
