"""The core: runs, verdicts, promotions and rollbacks, and the protocol that orders them.

It imports the standard library alone (and ``scipy.special`` for quantiles in the gate), talks to its
dependencies through the protocols in `mlops.runs.ports`, and may be imported by everything but the embedded
server and the front door. Start with `records`, then `promotion.promote`.
"""
