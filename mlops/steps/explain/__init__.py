"""Division of the gain of a run: how much of it comes from new data, how much from a new model.

The command line alone imports it. Start with `explain`; `combinations` fits what was never fitted, and
`effects` divides the gain.
"""
