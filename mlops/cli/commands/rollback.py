"""Declare and run ``mlops rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json, Pipeline, Reason, Target, checked_reason
from mlops.cli.output.results import Result, StoppedHalfway, place_of
from mlops.cli.output.text import count, short
from mlops.cli.session import Session
from mlops.runs.errors import TrackerUnavailable

if TYPE_CHECKING:
    from mlops.runs.records import RollbackRecord
    from mlops.runs.rollback.plan import RollbackPlan
    from mlops.steps.rollback.roll_back import RolledBack
    from mlops.steps.workspace import Workspace

Forward = Annotated[
    bool, typer.Option("--forward", help="Make a new commit with the old content instead of resetting main.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")]


def rollback(
    context: typer.Context,
    pipeline: Pipeline,
    reason: Reason = "",
    to: Target = "",
    forward: Forward = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> Result:
    """Return main to an earlier promotion.

    Data, model and metrics return together, and nothing is recomputed. Afterwards promotions are on hold
    until `mlops resume`.
    """
    from mlops.runs.rollback.target import target_number
    from mlops.steps.rollback.roll_back import roll_back

    session: Session = context.obj
    reason = reason if dry_run else checked_reason(reason)
    workspace = session.workspace(pipeline)
    number = target_number(workspace.lake, to) if to else None
    if dry_run:
        return _planned(workspace, reason, number, forward=forward)
    session.report(f"rolling back repository {workspace.lake.repository} at {workspace.lake.endpoint}")
    # lakeFS notices some seconds late that main is protected again: the next command completes the rollback.
    done = roll_back(workspace.ports, reason, number, forward=forward, patience_s=0)
    return _done(workspace, done) if done is not None else _nothing(workspace, number)


def _planned(workspace: Workspace, reason: str, to: int | None, *, forward: bool) -> Result:
    from mlops.cli.output import rollback_impacts
    from mlops.runs.rollback.plan import plan_rollback
    from mlops.steps.rollback.roll_back import unfinished_rollback
    from mlops.steps.rollback.rollback_impact import impact_of

    document = {**place_of(workspace), "dry_run": True, "changed": False}
    begun = unfinished_rollback(workspace.lake)
    if begun is not None:
        under_way = f"rollback {begun.number} to promotion {begun.to_number} is under way"
        return Result({**document, "why": under_way}, [f"{under_way}; it would be finished first"])
    plan = plan_rollback(workspace.ports, reason, to, forward=forward)
    if plan is None:
        return _nothing(workspace, to, dry_run=True)
    impact = rollback_impacts.document_of(impact_of(workspace, plan), workspace.lake.repository)
    objects = [{"type": change.type, "path": change.path} for change in plan.changes]
    document |= {**_fields(plan.record), "objects": objects, **impact}
    changed = rollback_impacts.lines_of(impact, workspace.spec.change_unit)
    return Result(document, [*_plan_lines(plan), *changed])


def _plan_lines(plan: RollbackPlan) -> list[str]:
    how = ", by a new commit" if plan.record.forward else ""
    return [
        f"main would go back from {short(plan.record.from_commit)} to promotion {plan.record.to_number} "
        f"({short(plan.record.to_commit)}){how}: {count(len(plan.changes), 'object')} would change",
        *_drops(plan.record, "would be "),
    ]


def _done(workspace: Workspace, done: RolledBack) -> Result:
    """Return the result of a rollback; it stops the command halfway if MLflow could not follow."""
    record, pipeline = done.record, workspace.spec.name
    document = {
        **place_of(workspace),
        "dry_run": False,
        "changed": True,
        **_fields(record),
        "seconds": round(done.reset_s, 3),
    }
    how = f"({short(record.to_commit)}){', by a new commit,' if record.forward else ''}"
    lines = [
        f"main is back at promotion {record.to_number} {how} after {done.reset_s:.1f} s",
        *_drops(record, ""),
        "promotions are on hold",
        f"next: mlops resume {pipeline} --reason TEXT",
    ]
    result = Result(document, lines)
    if done.tracker_error is not None:
        raise StoppedHalfway(_late(done.tracker_error, record, pipeline), result) from done.tracker_error
    return result


def _late(error: TrackerUnavailable, record: RollbackRecord, pipeline: str) -> TrackerUnavailable:
    return TrackerUnavailable(
        f"main is back at promotion {record.to_number}, but MLflow could not follow: {error.what}",
        where=error.where,
        todo=f"run `mlops reconcile {pipeline}` once it answers",
    )


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
        lines.append(f"{be}dropped, and revoked: run {', '.join(record.dropped_runs)}")
    if record.dropped_arrivals:
        lines.append(
            f"{be}dropped, until re-ingested with --again: {', '.join(sorted(record.dropped_arrivals))}"
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
    document = {**place_of(workspace), "dry_run": dry_run, "changed": False, "why": why}
    return Result(document, [f"nothing to go back to: {why}"])
