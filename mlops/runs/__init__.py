"""The core: what a run, a verdict, a promotion and a rollback are, and the order in which they may happen.

It imports the standard library alone (and ``scipy.special`` for quantiles in the gate) and talks to the
outside through the protocols in ``mlops.runs.ports``.
"""
