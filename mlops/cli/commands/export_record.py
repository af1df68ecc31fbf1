"""Declare and run ``mlops export-record``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.text import count
from mlops.cli.session import Session

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", show_default=False)]


def export_record(context: typer.Context, pipeline: Pipeline, file: NewFile, json: Json = False) -> Result:
    """Write the signed record of main to a file."""
    from mlops.adapters.record.bundle_file import write_bundle
    from mlops.runs.main.state import read_main
    from mlops.runs.record.bundle import export_record as export

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    bundle = export(workspace.ports, read_main(workspace.lake))
    write_bundle(file, bundle)
    changes, notes = len(bundle["changes"]), len(bundle["notes"])
    document = {"pipeline": pipeline, "file": str(file), "changes": changes, "notes": notes}
    line = f"{count(changes, 'change')} and {count(notes, 'note')} written to {file}"
    return Result(document, [line, f"next: mlops verify {file}"])
