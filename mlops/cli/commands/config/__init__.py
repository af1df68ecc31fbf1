"""The group `mlops config`: show every value in force and the layer that it comes from.

Only `mlops.cli.app` imports it, and `mlops settings`, which prints the same. It imports `mlops.settings`
inside its functions. Start with `show`.
"""
