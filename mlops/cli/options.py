"""Arguments and options that several commands share, each with its one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlops.runs.errors import InputError

MAX_REASON_CHARACTERS = 300


def _choose_environment(context: typer.Context, name: str | None) -> str | None:
    """Hand an environment to the session; commands take the option before and after their name."""
    if name is not None:
        context.obj.given = {**context.obj.given, "env": name}
    return name


Pipeline = Annotated[
    str, typer.Argument(help="Name of the pipeline, e.g. flights.", metavar="PIPELINE", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document; progress goes to standard error.")
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the record of main.", show_default=False)
]
Lake = Annotated[
    Literal["embedded", "lakefs", "external"] | None,
    typer.Option("--lake", help="Which lakeFS server to use; see `mlops settings`.  [env var: MLOPS_LAKE]"),
]
StateDir = Annotated[
    str | None,
    typer.Option(
        "--state-dir",
        metavar="FOLDER",
        help="Folder that keeps everything on this machine.  [env var: MLOPS_STATE_DIR; default: .mlops]",
    ),
]
Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="Environment of mlops.toml to use; see `mlops config show`.  [env var: MLOPS_ENV]",
        callback=_choose_environment,
    ),
]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of a run; see `mlops log`.", show_default=False)
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the run over from a process that still seems to work on it.")
]
Target = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TARGET",
        help="Promotion to return to: a number, tag or commit, or a date for the newest promotion by then.",
        show_default="the one before",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Folder of the store, if not the one in the state folder."),
]


def checked_reason(text: str, option: str = "--reason") -> str:
    """Return the text of an option, a reason or a comment, on one line.

    Raises:
        InputError: It is empty or too long.
    """
    reason = " ".join(text.split())
    if not reason or len(reason) > MAX_REASON_CHARACTERS:
        raise InputError(
            f"must be 1 to {MAX_REASON_CHARACTERS} characters",
            where=option,
            todo=f"give the {option.lstrip('-')} in one sentence",
        )
    return reason
