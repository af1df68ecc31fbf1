"""Shell completion: the script that a shell loads, and what answers it."""

from __future__ import annotations

import os

from mlops.cli.output.results import Result

#: Set by the script when a shell asks what can follow.
VARIABLE = "_MLOPS_COMPLETE"


def completion(shell: str) -> Result:
    """Return the script that makes a shell complete commands and options.

    Args:
        shell: ``bash``, ``zsh`` or ``fish``.
    """
    # The module is where Typer documents completion, although it marks nothing as exported.
    from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage]

    script = get_completion_script(prog_name="mlops", complete_var=VARIABLE, shell=shell)
    return Result({"shell": shell, "script": script}, script.strip().splitlines())


def prepare() -> None:
    """Make the command line answer a shell, if one asks."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # pyright: ignore[reportPrivateImportUsage]

        completion_init()
