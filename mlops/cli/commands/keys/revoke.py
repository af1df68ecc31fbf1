"""Declare and run ``mlops keys revoke``."""

from __future__ import annotations

import typer

from mlops.cli.commands.keys.create import KeyName
from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session


def revoke(context: typer.Context, name: KeyName, json: Json = False) -> Result:
    """Take a key back; a running server refuses it at once."""
    from mlops.serving.keys import keys_of

    session: Session = context.obj
    keys_of(session.settings.state_dir).revoke(name)
    return Result({"name": name, "revoked": True}, [f"revoked: {name}"])
