"""Declare and run ``mlops new``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError

if TYPE_CHECKING:
    from mlops.project_template.profile import Profile

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the pipeline, its repository and its folder.", show_default=False
    ),
]
Task = Annotated[
    str,
    typer.Option(
        "--task",
        metavar="TASK",
        help="What is predicted: regression, classification or ranking; or data, for rows without a model.",
        show_default=False,
    ),
]
Sample = Annotated[
    Path | None,
    typer.Option(
        "--sample",
        metavar="FILE",
        help="CSV or Parquet file to draft columns, suites and model input from; without it, synthetic data.",
        show_default=False,
    ),
]
TargetColumn = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Column that is predicted; by default one with such a name, else the last that suits the task.",
        show_default=False,
    ),
]
KeyColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="COLUMN",
        help="Column that identifies a row, once for each; by default the first that does.",
        show_default=False,
    ),
]


def new(
    context: typer.Context,
    name: Name,
    task: Task,
    sample: Sample = None,
    target: TargetColumn = "",
    key: KeyColumn = None,
    json: Json = False,
) -> Result:
    """Write a project with a pipeline of your own.

    The folder NAME must not exist. The project passes its own tests and runs at once. Key, cluster, target
    and model input are guesses from the sample, which its README asks you to look at. Data alone has
    a key and no model.
    """
    from mlops.project_template.writing import write_project

    session: Session = context.obj
    if sample is None and (target or key):
        raise ConfigError("names a column of a sample, but there is none", where="--target or --key")
    session.report(f"writing {name}")
    written = write_project(name, task, parent=Path.cwd(), sample=sample, target=target, key=key or ())
    found = written.profile
    document = {
        "pipeline": name,
        "folder": str(written.folder),
        "task": task,
        "files": list(written.files),
        "arrivals": list(written.arrivals),
        "key": list(found.key),
        "cluster": found.cluster,
        "target": found.target,
        "model_input": list(found.model_input),
        "excluded": found.excluded,
    }
    lines = [
        f"{written.folder}: {len(written.files)} files",
        *_guesses(found),
        f"next: cd {name}; mlops check {name}",
    ]
    return Result(document, lines)


def _guesses(found: Profile) -> list[str]:
    key = f"key {', '.join(found.key)}"
    if not found.target:
        return [f"{key}, no model"]
    return [
        f"target {found.target}, {key}, clusters {found.cluster}",
        f"model input {', '.join(found.model_input)}",
    ]
