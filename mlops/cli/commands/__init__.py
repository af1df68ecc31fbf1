"""One module per command or group: it declares arguments, calls the steps, returns a `Result`.

Only `mlops.cli` imports it, and a module imports heavy libraries inside the functions that need them. Start
with `run`; the folder is as long as the list in `mlops --help`.
"""
