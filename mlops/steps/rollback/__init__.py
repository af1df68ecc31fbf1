"""Rollback of a workspace: with all that follows from it, its impact, its rehearsal, and restores.

The command line and the demo import it; the protocol itself is in `mlops.runs.rollback`. Start with
`roll_back`.
"""
