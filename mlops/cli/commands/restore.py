"""``restore``, ``promote`` and ``write-off``: what comes back after a rollback, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.cli.output.results import Result
from mlops.cli.reasons import checked_reason
from mlops.cli.session import Session
from mlops.runs.errors import InputError

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace


def restore(
    session: Session, pipeline: str, number: int, reason: str, *, again: bool, take_over: bool
) -> Result:
    """Bring the outputs of an old promotion back through the gate, and show the verdict."""
    from mlops.cli.commands.runs import ended_result

    reason = checked_reason(reason)
    workspace = _opened(session, pipeline, f"restoring promotion {number}")
    from mlops.steps import restore as restoring

    ended = restoring.restore(workspace, number, reason, again=again, take_over=take_over)
    result = ended_result(workspace, ended)
    word = f"restores promotion {ended.run.restores}" if ended.number else "nothing is restored"
    return Result(
        {**result.document, "restores": ended.run.restores}, [*result.lines, word], result.exit_code
    )


def promote(
    session: Session,
    pipeline: str,
    run_id: str,
    reason: str,
    *,
    replace_unscorable: bool,
    take_over: bool,
) -> Result:
    """Bring a decided run to its end, and show the verdict."""
    from mlops.cli.commands.runs import ended_result

    if reason and not replace_unscorable:
        raise InputError("a reason is for --replace-unscorable alone", where="--reason")
    reason = checked_reason(reason) if replace_unscorable else ""
    workspace = _opened(session, pipeline, f"promoting run {run_id}")
    from mlops.steps import restore as restoring

    ended = restoring.promote(workspace, run_id, replace_unscorable=reason, take_over=take_over)
    result = ended_result(workspace, ended)
    return Result(
        {**result.document, "replace_unscorable": ended.decision.replace_unscorable},
        result.lines,
        result.exit_code,
    )


def _opened(session: Session, pipeline: str, doing: str) -> Workspace:
    workspace = session.workspace(pipeline)
    session.tell(f"{doing} in repository {workspace.lake.repository} at {workspace.lake.endpoint}")
    session.tell("loading libraries")
    return workspace


def write_off(session: Session, pipeline: str, arrival: str, reason: str) -> Result:
    """Write off what rollbacks dropped of an arrival."""
    from mlops.runs.arrivals.dropped import write_off as write_off_for_good
    from mlops.runs.upkeep.reconcile import reconcile

    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    reconcile(workspace.ports)
    done = write_off_for_good(workspace.ports, arrival, reason)
    document = {
        "pipeline": pipeline,
        "arrival": arrival,
        "reason": reason,
        "written_off": [{"path": entry.path, "rollback": entry.number} for entry in done],
    }
    lines = [f"{entry.path}, dropped by rollback {entry.number}: written off" for entry in done]
    return Result(document, lines or [f"nothing to do: {arrival} is written off already"])
