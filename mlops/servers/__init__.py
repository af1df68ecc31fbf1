"""Starting, finding and stopping the processes on this machine: lake, MLflow, Dagster, front door.

Only the command line imports it; it may import the embedded server for upkeep of a store that no server has
open. Start with `pages`, which starts what `mlops up` shows.
"""
