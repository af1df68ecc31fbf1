"""Review of a run, and the override of its refusal, for a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs.promotion import review
from mlops.runs.promotion.modes import check_promotes
from mlops.runs.promotion.replace_champion import latest_decided
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.production.environment import check_environment, check_made_by_this

if TYPE_CHECKING:
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.promotion.review import Rejection
    from mlops.steps.workspace import Workspace


def approve(workspace: Workspace, run_id: str, comment: str, *, take_over: bool = False) -> Promotion:
    """Promote a run that waits for review (`mlops.runs.promotion.review.approve`)."""
    _check(workspace, run_id)
    ended = review.approve(
        workspace.ports,
        CommittedJudge(workspace),
        run_id,
        comment,
        take_over=take_over,
        rounds=workspace.promote_rounds,
    )
    return _recorded(workspace, ended)


def override(
    workspace: Workspace, run_id: str, reason: str, approved_by: str, *, take_over: bool = False
) -> Promotion:
    """Promote a run that the gate refused for its numbers (`mlops.runs.promotion.review.override`)."""
    _check(workspace, run_id)
    ended = review.override(
        workspace.ports,
        CommittedJudge(workspace),
        run_id,
        reason,
        approved_by,
        take_over=take_over,
        rounds=workspace.promote_rounds,
    )
    return _recorded(workspace, ended)


def reject(workspace: Workspace, run_id: str, reason: str) -> Rejection:
    """Reject a run that waits for review, and tell the tracker."""
    ports = workspace.ports
    reconcile(ports)
    found = review.reject(ports, run_id, reason)
    tracker_run = ports.tracker.find(run_id)
    if tracker_run is not None:
        ports.tracker.record(tracker_run, tags={"mlops.review": f"rejected by {found.by}: {found.reason}"})
    reconcile(ports)
    return found


def _check(workspace: Workspace, run_id: str) -> None:
    """Check that this environment promotes the run, and bring `main` in line first."""
    check_promotes(workspace.ports)
    check_environment(workspace)
    reconcile(workspace.ports)
    check_made_by_this(workspace, latest_decided(workspace.ports, run_id))


def _recorded(workspace: Workspace, ended: Promotion) -> Promotion:
    record_promotion(workspace.ports, ended)
    reconcile(workspace.ports)
    return ended
