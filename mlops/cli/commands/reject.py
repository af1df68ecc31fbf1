"""Declare and run ``mlops reject``."""

from __future__ import annotations

import typer

from mlops.cli.options import Env, Json, Pipeline, Reason, RunId, checked_reason
from mlops.cli.output.approvals import rejection_document, rejection_lines
from mlops.cli.output.results import Result, place_of
from mlops.cli.session import Session


def reject(
    context: typer.Context,
    pipeline: Pipeline,
    run: RunId,
    reason: Reason = "",
    env: Env = None,
    json: Json = False,
) -> Result:
    """Reject a run that waits for review, for good.

    Its evidence stays on record. `mlops run --again` makes another run of the same inputs.
    """
    session: Session = context.obj
    reason = checked_reason(reason)
    workspace = session.workspace_for(f"rejecting run {run}", pipeline)
    from mlops.steps.review.acts import reject as reject_run

    found = reject_run(workspace, run, reason)
    rejection = rejection_document(found)
    document = {**place_of(workspace), "run_id": found.run_id, "rejection": rejection}
    return Result(document, [f"run {found.run_id} is over", *rejection_lines(rejection)])
