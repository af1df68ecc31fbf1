"""Upkeep: reconcile tags and MLflow with `main`, sweep branches, collect garbage, erase runs.

Steps and the command line import it. Start with `reconcile`, which every command runs first.
"""
