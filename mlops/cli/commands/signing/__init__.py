"""The group `mlops signing`: show, rotate and trust the keys that sign the record of main.

Only `mlops.cli.app` imports it; it imports `mlops.adapters.record` inside its functions. Start with `show`.
"""
