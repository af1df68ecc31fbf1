"""Declare and run ``mlops promote``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Env, Json, Pipeline, Reason, RunId, TakeOver, checked_reason
from mlops.cli.output.approvals import approval_document, approval_lines
from mlops.cli.output.ended_runs import ended_result
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace

ReplaceUnscorable = Annotated[
    bool,
    typer.Option(
        "--replace-unscorable", help="Promote although the champion cannot be scored; needs --reason."
    ),
]
Override = Annotated[
    bool,
    typer.Option(
        "--override",
        help="Promote although the gate refused it for its numbers; needs --reason and --approved-by.",
    ),
]
ApprovedBy = Annotated[
    str,
    typer.Option(
        "--approved-by", metavar="NAME", help="Who overrides; override_by in the policy names who may.",
        show_default=False,
    ),
]  # fmt: skip


def promote(
    context: typer.Context,
    pipeline: Pipeline,
    run: RunId,
    reason: Reason = "",
    replace_unscorable: ReplaceUnscorable = False,
    override: Override = False,
    approved_by: ApprovedBy = "",
    take_over: TakeOver = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Finish the promotion of a run that was decided.

    For a run that waited until a hold was lifted, that was refused only because the champion cannot be
    scored, or whose refusal a person overrides whom the policy names.
    """
    session: Session = context.obj
    _check(reason, approved_by, replace_unscorable=replace_unscorable, override=override)
    reason = checked_reason(reason) if replace_unscorable or override else ""
    workspace = session.workspace_for(f"promoting run {run}", pipeline)
    if override:
        ended = _overridden(workspace, run, reason, approved_by, take_over=take_over)
    else:
        from mlops.steps.rollback.restore import promote as promote_run

        ended = promote_run(workspace, run, replace_unscorable=reason, take_over=take_over)
    result = ended_result(workspace, ended)
    approval = _approval(workspace, ended)
    document = {
        **result.document,
        "replace_unscorable": ended.decision.replace_unscorable,
        "approval": approval,
    }
    return Result(document, [*result.lines, *approval_lines(approval)], result.exit_code)


def _check(reason: str, approved_by: str, *, replace_unscorable: bool, override: bool) -> None:
    if override and replace_unscorable:
        raise InputError("--override and --replace-unscorable exclude each other", where="--override")
    if reason and not (replace_unscorable or override):
        raise InputError("only --replace-unscorable takes a reason, and --override does", where="--reason")
    if override != bool(approved_by.strip()):
        raise InputError(
            "--override and --approved-by need each other",
            where="--override" if override else "--approved-by",
            todo="name the person whom the policy lets override, as it names them",
        )


def _overridden(
    workspace: Workspace, run: str, reason: str, approved_by: str, *, take_over: bool
) -> Promotion:
    from mlops.steps.review.acts import override as override_run

    return override_run(workspace, run, reason, " ".join(approved_by.split()), take_over=take_over)


def _approval(workspace: Workspace, ended: Promotion) -> dict[str, Any] | None:
    from mlops.runs.approval import approval_of

    if not ended.merge_commit:
        return None
    return approval_document(approval_of(workspace.lake.commit_of(ended.merge_commit).metadata))
