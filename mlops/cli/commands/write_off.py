"""Declare and run ``mlops write-off``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline, Reason, checked_reason
from mlops.cli.output.results import Result
from mlops.cli.session import Session

Arrival = Annotated[
    str,
    typer.Argument(
        metavar="ARRIVAL", help="An arrival that `mlops status` lists as dropped.", show_default=False
    ),
]


def write_off(
    context: typer.Context, pipeline: Pipeline, arrival: Arrival, reason: Reason = "", json: Json = False
) -> Result:
    """Write off an arrival that a rollback dropped.

    `mlops status` lists it no longer.
    """
    from mlops.runs.arrivals.dropped import write_off as write_off_arrival
    from mlops.runs.upkeep.reconcile import reconcile

    session: Session = context.obj
    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    reconcile(workspace.ports)
    done = write_off_arrival(workspace.ports, arrival, reason)
    document = {
        "pipeline": pipeline,
        "arrival": arrival,
        "reason": reason,
        "written_off": [{"path": entry.path, "rollback": entry.number} for entry in done],
    }
    lines = [f"{entry.path}, dropped by rollback {entry.number}: written off" for entry in done]
    return Result(document, lines or [f"nothing to do: {arrival} is written off already"])
