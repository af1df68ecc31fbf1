"""From an attempt on a branch to a promotion on `main`: leases, steps, the decision, the merge, restores.

Steps import it; arrivals and rollback do not. Start with `attempts`, then `decision` and `promote`.
"""
