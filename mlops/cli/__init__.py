"""The command line: parse the arguments, call the layers below, print a result or an error.

Nobody imports it but `python -m mlops.cli` and the tests; it may import everything, and imports what is heavy
inside the function that needs it, so that `mlops --help` stays fast. Start with `program`, which runs one
command from its arguments to its exit code, then `commands`, one file per command.
"""

from mlops.cli.program import main, run

__all__ = ["main", "run"]
