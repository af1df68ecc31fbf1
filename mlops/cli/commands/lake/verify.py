"""Declare and run ``mlops lake verify``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json, StoreFolder
from mlops.cli.output.results import Result
from mlops.cli.output.text import count
from mlops.cli.session import Session
from mlops.runs.errors import SUCCESS, MlopsError


def verify(context: typer.Context, data: StoreFolder = None, json: Json = False) -> Result:
    """Check every hash and reference of the store.

    Exit code 1: the store is damaged; each problem is named.
    """
    from mlops.servers.store_upkeep import verify as verify_store

    session: Session = context.obj
    problems = verify_store(session.settings, data)
    total = f"{count(len(problems), 'problem')} found" if problems else "every hash and every reference holds"
    exit_code = MlopsError.exit_code if problems else SUCCESS
    return Result({"problems": problems}, [*problems, total], exit_code)
