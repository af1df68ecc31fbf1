"""Declare and run ``mlops keys list``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import at, columns
from mlops.cli.session import Session


def list_keys(context: typer.Context, json: Json = False) -> Result:
    """List the keys for `mlops serve`, without the keys themselves."""
    from mlops.serving.keys import keys_of

    session: Session = context.obj
    found = keys_of(session.settings.state_dir).all()
    document = [{"id": key.id, "name": key.name, "created_at": at(key.created_at_s)} for key in found]
    rows = [("id", "created", "name"), *((key.id, at(key.created_at_s), key.name) for key in found)]
    return Result(
        {"keys": document}, columns(rows, indent="") if found else ["no keys; mlops keys create makes one"]
    )
