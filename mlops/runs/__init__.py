"""The core: what a run, a verdict, a promotion and a rollback are, and the order in which they may happen.

It imports the standard library alone (and ``scipy.special`` for quantiles in the gate), talks to its
dependencies through the protocols in `mlops.runs.ports`, and may be imported by everything but the embedded
server and the front door. Start with `records`, then `promotion.promote`.
"""
