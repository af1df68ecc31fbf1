"""The group `mlops lake`: run and maintain the embedded lake server, and move repositories between lakes.

Only `mlops.cli.app` imports it; it imports `mlops.servers` and `mlops.lake_transfer` inside its functions.
Start with `serve`.
"""
