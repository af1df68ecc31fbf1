"""Rollback: plan, freeze `main`, reset it (or merge the old content as a new commit), complete, hold.

Steps, upkeep and the command line import it. Start with `rollback`; `reset` explains why any process can
complete an interrupted rollback.
"""
