"""Declare and run ``mlops resume``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json, Pipeline, Reason, checked_reason
from mlops.cli.output.results import Result, place_of
from mlops.cli.session import Session


def resume(context: typer.Context, pipeline: Pipeline, reason: Reason = "", json: Json = False) -> Result:
    """Lift the hold that a rollback placed on promotions."""
    from mlops.runs.rollback.rollback import resume as lift_hold
    from mlops.runs.upkeep.reconcile import reconcile

    session: Session = context.obj
    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    session.report(
        f"resuming promotions of repository {workspace.lake.repository} at {workspace.lake.endpoint}"
    )
    reconcile(workspace.ports)
    lifted = lift_hold(workspace.ports, reason)
    document = {**place_of(workspace), "resumed": lifted, "reason": reason}
    line = "promotions resumed" if lifted else "nothing to do: promotions are not on hold"
    return Result(document, [line])
