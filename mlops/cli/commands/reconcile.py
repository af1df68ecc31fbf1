"""Declare and run ``mlops reconcile``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.session import Session


def reconcile(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """Finish interrupted operations; sync tags and MLflow.

    Tags, registered models and the champion alias follow from main; what differs is corrected.
    """
    from mlops.runs.upkeep.reconcile import reconcile as reconcile_main
    from mlops.runs.upkeep.tracker_repair import restore_tracker

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    done = reconcile_main(workspace.ports) + restore_tracker(workspace.ports)
    return Result(
        {"pipeline": pipeline, "done": done}, done or ["nothing to do: tags and MLflow agree with main"]
    )
