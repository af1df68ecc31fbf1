"""Promotion, from an attempt on a branch to a merge into `main`: leases, steps, decision, restores.

Steps import it; arrivals and rollback do not. Start with `attempts`, then `decision` and `promote`.
"""
