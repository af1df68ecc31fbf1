"""Arguments and options that commands share, each with its one help text."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Pipeline = Annotated[
    str, typer.Argument(help="Name of the pipeline, e.g. flights.", metavar="PIPELINE", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document, and progress on standard error.")
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.", show_default=False)
]
Lake = Annotated[
    Literal["embedded", "lakefs", "external"] | None,
    typer.Option("--lake", help="Which lakeFS server; see `mlops settings`.  [env var: MLOPS_LAKE]"),
]
StateDir = Annotated[
    str | None,
    typer.Option(
        "--state-dir",
        metavar="FOLDER",
        help="Where everything of this machine is kept.  [env var: MLOPS_STATE_DIR; default: .mlops]",
    ),
]
