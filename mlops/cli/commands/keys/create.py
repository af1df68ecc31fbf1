"""Declare and run ``mlops keys create``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session

KeyName = Annotated[
    str, typer.Argument(metavar="NAME", help="Who or what the key is for.", show_default=False)
]


def create(context: typer.Context, name: KeyName, json: Json = False) -> Result:
    """Make a key for `mlops serve` and print it.

    It is shown this once: only its hash is kept.
    """
    from mlops.adapters.system import SystemClock
    from mlops.serving.keys import keys_of

    session: Session = context.obj
    key = keys_of(session.settings.state_dir).create(name, SystemClock().now_s())
    lines = [key, f"send it as  Authorization: Bearer KEY;  mlops keys revoke {name}  takes it back"]
    return Result({"name": name, "key": key}, lines)
