"""Declare and run ``mlops score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.commands.serve import champion_service
from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.text import count, short
from mlops.cli.session import Session, check_pipeline

Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="Rows to predict for, CSV or Parquet.", show_default=False)
]
Target = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where rows and predictions go, .csv or .parquet.",
        show_default=False,
    ),
]


def score(
    context: typer.Context, pipeline: Pipeline, file: Source, output: Target, json: Json = False
) -> Result:
    """Predict for the rows of a file with the champion of main.

    The output holds every column of the file and one more, `prediction`. Rows are held against the suite on
    main as `mlops serve` holds requests; one that breaks it stops the command, and nothing is written.
    """
    from mlops.serving.scoring import score_file

    session: Session = context.obj
    check_pipeline(pipeline)
    served = champion_service(session, pipeline).served
    rows = score_file(served, file, output, session.report)
    document = {
        "pipeline": pipeline,
        "number": served.number,
        "commit": served.commit,
        "rows": rows,
        "output": str(output),
    }
    line = f"{count(rows, 'row')} by promotion {served.number} ({short(served.commit)}): {output}"
    return Result(document, [line])
