"""Declare and run ``mlops restore``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Env, Json, Pipeline, Reason, TakeOver, checked_reason
from mlops.cli.output.ended_runs import ended_result
from mlops.cli.output.results import Result
from mlops.cli.session import Session

Number = Annotated[
    int, typer.Argument(metavar="N", min=1, help="Number of the promotion.", show_default=False)
]
Again = Annotated[bool, typer.Option("--again", help="Decide again after a refusal.")]


def restore(
    context: typer.Context,
    pipeline: Pipeline,
    number: Number,
    reason: Reason = "",
    again: Again = False,
    take_over: TakeOver = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Send an old promotion through the gate again.

    Today's suites and policy judge its outputs against today's champion. If they pass, they get a new number.
    Exit code 5: the gate refused them. Exit code 9: they passed and wait for `mlops approve`.
    """
    session: Session = context.obj
    reason = checked_reason(reason)
    workspace = session.workspace_for(f"restoring promotion {number}", pipeline)
    from mlops.steps.rollback.restore import restore as restore_promotion

    ended = restore_promotion(workspace, number, reason, again=again, take_over=take_over)
    result = ended_result(workspace, ended)
    unrestored = "nothing is restored before that" if ended.waiting else "nothing is restored"
    line = f"restores promotion {ended.run.restores}" if ended.number else unrestored
    document = {**result.document, "restores": ended.run.restores}
    return Result(document, [*result.lines, line], result.exit_code)
