"""Reconcile, sweep, garbage and erasure: what keeps tags, MLflow and branches in line with `main`.

Steps and the command line import it. Start with `reconcile`, which every command runs first.
"""
