"""The state of `main` and the few ways to change it: merges, tags, protection rules, setup, policy.

Promotion, rollback, arrivals, audit and upkeep import it. Start with `state`, which reads everything that
`main` and its tags record.
"""
