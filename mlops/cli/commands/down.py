"""Declare and run ``mlops down``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session


def down(context: typer.Context, json: Json = False) -> Result:
    """Stop the servers of this state folder."""
    from mlops.servers.browser import remove_old
    from mlops.servers.pages import stop_all

    session: Session = context.obj
    stopped = stop_all(session.settings)
    remove_old(session.settings.state_dir, kept_s=0)
    line = f"stopped {', '.join(stopped)}" if stopped else "nothing to stop: no server was started from here"
    return Result({"stopped": stopped}, [line])
