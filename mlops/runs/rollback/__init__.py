"""Rollback: plan, freeze promotions, reset `main` (or go forward to the old content), complete, hold.

Steps, upkeep and the command line import it. Start with `rollback`; `reset` says why a rollback can always
be completed by whoever finds it interrupted.
"""
