"""Declare and run ``mlops signing trust``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session

KeyFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A public key in PEM, or a rotation note.", show_default=False),
]


def trust(context: typer.Context, file: KeyFile, json: Json = False) -> Result:
    """Trust the signatures of a colleague's key.

    Make sure first that the file is theirs: whoever holds a trusted key can change main.
    """
    from mlops.adapters.record.key_rotation import trust as trust_key

    session: Session = context.obj
    key = trust_key(file, session.settings.trusted_folder)
    return Result({"trusted": key}, [f"trusted: {key}"])
