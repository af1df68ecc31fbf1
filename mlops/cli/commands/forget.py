"""Declare and run ``mlops forget``."""

from __future__ import annotations

import dataclasses

import typer

from mlops.cli.options import Json, Pipeline, Reason, RunId, checked_reason
from mlops.cli.output.results import Result
from mlops.cli.output.text import short
from mlops.cli.session import Session


def forget(
    context: typer.Context, pipeline: Pipeline, run: RunId, reason: Reason = "", json: Json = False
) -> Result:
    """Delete every reference to a run's data (erasure request).

    Removes the run's branches and points its record tags at the request; lists what still refers to the data.
    """
    from mlops.runs.upkeep.forget import forget as forget_run
    from mlops.runs.upkeep.reconcile import reconcile
    from mlops.steps.report.keep import remove_report

    session: Session = context.obj
    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    session.report(f"forgetting run {run} of {workspace.lake.repository} at {workspace.lake.endpoint}")
    reconcile(workspace.ports)
    done = forget_run(workspace.ports, run, reason)
    remove_report(session.settings.state_dir, pipeline, run)
    document = {"pipeline": pipeline, "endpoint": workspace.lake.endpoint, **dataclasses.asdict(done)}
    lines = [
        f"run {run} is forgotten; the request is kept at {short(done.commit)}",
        *(f"moved there: {tag}" for tag in done.tags),
        *(f"removed: {branch}" for branch in done.branches),
        *(f"still there: {kept}" for kept in done.kept),
        "commits stay readable by their id until the server collects its garbage",
    ]
    return Result(document, lines)
