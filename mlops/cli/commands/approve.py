"""Declare and run ``mlops approve``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Env, Json, Pipeline, RunId, TakeOver, checked_reason
from mlops.cli.output.approvals import approval_document, approval_lines
from mlops.cli.output.ended_runs import ended_result
from mlops.cli.output.results import Result
from mlops.cli.session import Session

Comment = Annotated[
    str,
    typer.Option(
        "--comment", metavar="TEXT", help="What was looked at; kept in the record of main.",
        show_default=False,
    ),
]  # fmt: skip


def approve(
    context: typer.Context,
    pipeline: Pipeline,
    run: RunId,
    comment: Comment = "",
    take_over: TakeOver = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Promote a run that waits for review.

    It is checked and merged like an automatic promotion. If the champion has changed, it is compared again
    first; exit code 5: then the gate refused it.
    """
    session: Session = context.obj
    comment = checked_reason(comment, "--comment")
    workspace = session.workspace_for(f"approving run {run}", pipeline)
    from mlops.runs.approval import approval_of
    from mlops.steps.review.acts import approve as approve_run

    ended = approve_run(workspace, run, comment, take_over=take_over)
    result = ended_result(workspace, ended)
    commit = workspace.lake.commit_of(ended.merge_commit) if ended.merge_commit else None
    approval = approval_document(approval_of(commit.metadata) if commit else None)
    document = {**result.document, "approval": approval}
    return Result(document, [*result.lines, *approval_lines(approval)], result.exit_code)
