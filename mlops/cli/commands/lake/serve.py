"""Declare and run ``mlops lake serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json, StoreFolder
from mlops.cli.output.results import Result
from mlops.cli.session import Session

Listen = Annotated[
    str,
    typer.Option(
        "--listen", metavar="HOST:PORT", help="Loopback address to listen on; port 0 picks a free port."
    ),
]


def serve(
    context: typer.Context, listen: Listen = "", data: StoreFolder = None, json: Json = False
) -> Result:
    """Run the embedded lake server in the foreground, until Ctrl-C."""
    from mlops.servers.lake import serve as serve_lake

    session: Session = context.obj
    serve_lake(session.settings, data, listen, session.report)
    return Result({"stopped": True}, ["lake server stopped"])
