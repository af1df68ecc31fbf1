"""Declare and run ``mlops completion``, and answer a shell that asks for completions."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result

#: Set by the script when a shell asks what can follow.
VARIABLE = "_MLOPS_COMPLETE"


Shell = Annotated[
    Literal["bash", "zsh", "fish"],
    typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False),
]


def completion(context: typer.Context, shell: Shell, json: Json = False) -> Result:
    """Print a completion script for bash, zsh or fish.

    For bash: `source <(mlops completion bash)`. For zsh the same, after `compinit`. For fish:
    `mlops completion fish | source`.
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
