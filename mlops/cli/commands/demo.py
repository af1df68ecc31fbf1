"""Declare and run ``mlops demo``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, metrics, short
from mlops.cli.session import Session

_HEADINGS = ("no.", "kind", "run", "commit", "where", "metrics")


Story = Annotated[str, typer.Argument(metavar="[PIPELINE]", help="Pipeline whose story is told.")]
Months = Annotated[
    int | None,
    typer.Option(
        "--months", min=3, max=12, help="Number of months of flights that arrive.", show_default="5"
    ),
]


def demo(
    context: typer.Context, pipeline: Story = "flights", months: Months = None, json: Json = False
) -> Result:
    """Run the whole workflow of a pipeline in a scratch store."""
    from mlops.demo import show

    session: Session = context.obj
    settings = session.settings
    folder = settings.state_dir / "demo"
    # With --json standard output is the document's alone, and what is printed here goes to standard error.
    facts = show.demo(_say, folder, pipeline=pipeline, months=months, lake=settings.lake)
    lines = ["", *columns([_HEADINGS, *map(_row, facts["promotions"])], right=(0,), indent=""), ""]
    lines += [f"{label}: {address}" for label, address in facts["links"].items()]
    lines += [
        f"log in there with the key in {settings.lakectl_file.name} in {folder}",
        f"{facts['elapsed_s_total']:.0f} s; everything is in {folder}",
        f"look around: mlops --state-dir {folder} status {pipeline}  (or log, diff, up)",
        f"stop the lake server: mlops --state-dir {folder} down",
    ]
    return Result(facts, lines)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the story is the output


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    where = "champion" if row["champion"] else "on main" if row["on_main"] else ""
    if row["kind"] == "promotion" and not where:
        where = "dropped"
    return (str(row["number"]), row["kind"], row["run"], short(row["commit"]), where, metrics(row["metrics"]))
