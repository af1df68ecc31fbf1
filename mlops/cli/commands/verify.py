"""Declare and run ``mlops verify``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import count, short
from mlops.cli.session import Session

Bundle = Annotated[
    Path,
    typer.Argument(metavar="BUNDLE", help="File made by `mlops export-record`.", show_default=False),
]


def verify(context: typer.Context, bundle: Bundle, json: Json = False) -> Result:
    """Verify an exported record, without lake or network.

    Every statement must be signed by a trusted key and name the one before it. Exit code 42: a signature is
    missing or not by a trusted key; 40: something is missing or was changed.
    """
    from mlops.adapters.record.bundle_file import read_bundle
    from mlops.adapters.record.signing import load_trusted
    from mlops.runs.record.bundle import verify_bundle

    session: Session = context.obj
    value = read_bundle(bundle)
    proved = verify_bundle(value, load_trusted(session.settings.trusted_folder), str(bundle))
    lines = [
        f"{count(proved.changes, 'change')} of {proved.repository} and {count(proved.notes, 'note')}: "
        "each is signed, and none is missing in between",
        f"newest: {short(proved.commit)}, statement {proved.head}",
        *(f"signed by {key}" for key in proved.keys),
        "to check that it is the newest, compare this statement with the lake's or a witness's",
    ]
    return Result(dataclasses.asdict(proved), lines)
