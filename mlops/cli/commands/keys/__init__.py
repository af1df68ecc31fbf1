"""The group `mlops keys`: make, list and revoke the keys of those who ask `mlops serve` for predictions.

Only `mlops.cli.app` imports it; it imports `mlops.serving.keys` inside its functions. Start with `create`.
"""
