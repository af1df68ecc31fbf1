"""``rollback`` and ``resume``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result, StoppedHalfway
from mlops.cli.output.text import count, short
from mlops.cli.reasons import checked_reason
from mlops.cli.session import Session
from mlops.runs.errors import TrackerUnavailable

if TYPE_CHECKING:
    from mlops.runs.records import RollbackRecord
    from mlops.runs.rollback.rollback import RollbackPlan
    from mlops.steps.workspace import Workspace


def rollback(
    session: Session, pipeline: str, reason: str, target: str, *, forward: bool, dry_run: bool
) -> Result:
    """Return main to an earlier promotion, with tags and MLflow; main itself waits for nobody.

    Raises:
        StoppedHalfway: Main is back, and MLflow could not follow.
    """
    from mlops.runs.rollback.rollback import rollback as go_back
    from mlops.runs.rollback.target import target_number
    from mlops.runs.upkeep.reconcile import reconcile

    if not dry_run:
        reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    to = target_number(workspace.lake, target) if target else None
    if dry_run:
        return _planned(session, workspace, reason, to, forward=forward)
    session.tell(f"rolling back repository {workspace.lake.repository} at {workspace.lake.endpoint}")
    earlier = _finish_earlier(session, workspace)
    begun = time.monotonic()
    record = go_back(workspace.ports, reason, to, forward=forward) or earlier
    if record is None:
        return _nothing(workspace, to)
    result = _done(workspace, record, time.monotonic() - begun)
    try:
        # lakeFS heeds the protection of main some seconds late: the next command settles the rollback.
        reconcile(workspace.ports, patience_s=0)
    except TrackerUnavailable as error:
        late = TrackerUnavailable(
            f"main is back at promotion {record.to_number}, but MLflow could not follow: {error.what}",
            where=error.where,
            todo=f"run `mlops reconcile {pipeline}` once it answers",
        )
        raise StoppedHalfway(late, result) from error
    return result


def _finish_earlier(session: Session, workspace: Workspace) -> RollbackRecord | None:
    """Bring everything in line; return the rollback that another process had left under way, if any."""
    from mlops.runs.upkeep.reconcile import reconcile

    under_way = _under_way(workspace)
    try:
        reconcile(workspace.ports)
    except TrackerUnavailable as error:
        # What the lake itself was owed comes first and is done; a rollback must not wait for MLflow.
        session.tell(f"MLflow cannot be reached and will have to follow later: {error.what}")
    return under_way


def _under_way(workspace: Workspace) -> RollbackRecord | None:
    """Return a rollback that was begun and not finished."""
    from mlops.runs.main.state import read_main
    from mlops.runs.rollback.forward import announced

    state = read_main(workspace.lake)
    owed = (entry.record for entry in announced(workspace.lake, state) if entry.owed)
    return state.rollback or next(owed, None)


def resume(session: Session, pipeline: str, reason: str) -> Result:
    """Lift the hold that a rollback left."""
    from mlops.runs.rollback.rollback import resume as lift
    from mlops.runs.upkeep.reconcile import reconcile

    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    session.tell(
        f"resuming promotions of repository {workspace.lake.repository} at {workspace.lake.endpoint}"
    )
    reconcile(workspace.ports)
    lifted = lift(workspace.ports, reason)
    document = {**_place(workspace), "resumed": lifted, "reason": reason}
    said = "promotions resumed" if lifted else "nothing to do: promotions are not on hold"
    return Result(document, [said])


def _place(workspace: Workspace) -> dict[str, Any]:
    return {
        "pipeline": workspace.spec.name,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
    }


def _planned(session: Session, workspace: Workspace, reason: str, to: int | None, *, forward: bool) -> Result:
    from mlops.cli.commands import rehearsals
    from mlops.runs.rollback.rollback import plan_rollback

    begun = _under_way(workspace)
    if begun is not None:
        under_way = f"rollback {begun.number} to promotion {begun.to_number} is under way"
        document = {**_place(workspace), "dry_run": True, "changed": False, "why": under_way}
        return Result(document, [f"{under_way}; it would be finished first"])
    plan = plan_rollback(workspace.ports, reason, to, forward=forward)
    if plan is None:
        return _nothing(workspace, to, dry_run=True)
    radius = rehearsals.blast_radius(session, workspace, plan)
    document = {
        **_place(workspace),
        "dry_run": True,
        "changed": False,
        **_fields(plan.record),
        "objects": [{"type": change.type, "path": change.path} for change in plan.changes],
        **radius,
    }
    lines = [*_plan_lines(plan), *rehearsals.lines_of(radius, workspace.spec.unit)]
    return Result(document, lines)


def _plan_lines(plan: RollbackPlan) -> list[str]:
    how = ", by a new commit" if plan.record.forward else ""
    return [
        f"main would go back from {short(plan.record.from_commit)} to promotion {plan.record.to_number} "
        f"({short(plan.record.to_commit)}){how}: {count(len(plan.changes), 'object')} would change",
        *_drops(plan.record, "would be "),
    ]


def _done(workspace: Workspace, record: RollbackRecord, seconds: float) -> Result:
    document = {
        **_place(workspace),
        "dry_run": False,
        "changed": True,
        **_fields(record),
        "seconds": round(seconds, 3),
    }
    how = f"({short(record.to_commit)}){', by a new commit,' if record.forward else ''}"
    lines = [
        f"main is back at promotion {record.to_number} {how} after {seconds:.1f} s",
        *_drops(record, ""),
        "promotions are on hold",
        f"next: mlops resume {workspace.spec.name} --reason TEXT",
    ]
    return Result(document, lines)


def _fields(record: RollbackRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "from_commit": record.from_commit,
        "to_commit": record.to_commit,
        "to_number": record.to_number,
        "reason": record.reason,
        "forward": record.forward,
        "dropped_runs": list(record.dropped_runs),
        "dropped_arrivals": sorted(record.dropped_arrivals),
    }


def _drops(record: RollbackRecord, be: str) -> list[str]:
    lines: list[str] = []
    if record.dropped_runs:
        lines.append(f"{be}dropped, and barred from returning: run {', '.join(record.dropped_runs)}")
    if record.dropped_arrivals:
        lines.append(
            f"{be}dropped, until ingested with --again: {', '.join(sorted(record.dropped_arrivals))}"
        )
    return lines


def _nothing(workspace: Workspace, to: int | None, *, dry_run: bool = False) -> Result:
    from mlops.runs.main.state import read_main

    state = read_main(workspace.lake)
    if to is not None:
        why = f"main is at promotion {to} already"
    elif state.on_hold:
        why = "a rollback was made and promotions are still on hold; --to N goes back further"
    elif state.champion is None:
        why = "nothing has been promoted yet"
    else:
        why = f"promotion {state.champion.number} is the first"
    document = {**_place(workspace), "dry_run": dry_run, "changed": False, "why": why}
    return Result(document, [f"nothing to go back to: {why}"])
