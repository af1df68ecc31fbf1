"""Declare and run ``mlops promote``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Env, Json, Pipeline, Reason, RunId, TakeOver, checked_reason
from mlops.cli.output.ended_runs import ended_result
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import InputError

ReplaceUnscorable = Annotated[
    bool,
    typer.Option(
        "--replace-unscorable", help="Promote although the champion cannot be scored; needs --reason."
    ),
]


def promote(
    context: typer.Context,
    pipeline: Pipeline,
    run: RunId,
    reason: Reason = "",
    replace_unscorable: ReplaceUnscorable = False,
    take_over: TakeOver = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Finish the promotion of a run that was decided.

    For a run that waited until a hold was lifted, or that was refused only because the champion cannot be
    scored.
    """
    session: Session = context.obj
    if reason and not replace_unscorable:
        raise InputError("only --replace-unscorable takes a reason", where="--reason")
    reason = checked_reason(reason) if replace_unscorable else ""
    workspace = session.workspace_for(f"promoting run {run}", pipeline)
    from mlops.steps.rollback.restore import promote as promote_run

    ended = promote_run(workspace, run, replace_unscorable=reason, take_over=take_over)
    result = ended_result(workspace, ended)
    document = {**result.document, "replace_unscorable": ended.decision.replace_unscorable}
    return Result(document, result.lines, result.exit_code)
