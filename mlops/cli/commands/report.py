"""Declare and run ``mlops report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result, place_of
from mlops.cli.run_lookup import RunNames, find_decided
from mlops.cli.session import Session

Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Where to write the page; by default in the state folder.",
        show_default=False,
    ),
]  # fmt: skip


def report(context: typer.Context, run: RunNames, output: Output = None, json: Json = False) -> Result:
    """Make the page that shows a verdict with plots.

    One file of HTML without scripts, which needs no network. It is made from committed evidence, and from
    what `mlops explain` found: the same run gives the same bytes. `mlops run` makes it at its end.
    """
    session: Session = context.obj
    workspace, found = find_decided(session, run)
    session.report("making the report")
    from mlops.steps.report.keep import report_file, write_report
    from mlops.steps.report.make import make_report

    file = output or report_file(session.settings.state_dir, workspace.spec.name, found.run_id)
    content = make_report(workspace, found.commit, session.settings.state_dir)
    write_report(file, content)
    document = {
        **place_of(workspace),
        "run_id": found.run_id,
        "evidence_commit": found.commit,
        "file": str(file.absolute()),
        "size_bytes": len(content),
    }
    return Result(document, [str(file)])
