"""The commands: each file is named as its command, declares its arguments and help, and returns a `Result`.

Only `mlops.cli.app` imports them; they import the layers below, and heavy libraries inside the functions that
need them. Start with `run`; the folder has as many files as `mlops --help` has lines, and its sub-packages
hold the groups `mlops keys`, `mlops lake`, `mlops policy` and `mlops signing`.
"""
