"""Format who approved a promotion, overrode a refusal or rejected a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Alarm
from mlops.cli.output.text import at, paragraph

if TYPE_CHECKING:
    from mlops.runs.approval import Approval
    from mlops.runs.promotion.review import Rejection


def approval_document(approval: Approval | None) -> dict[str, Any] | None:
    """Return an approval as plain values; None where nobody was asked."""
    if approval is None:
        return None
    return {
        "by": approval.by,
        "at": at(approval.at_s),
        "comment": approval.comment,
        "override": approval.override,
    }


def rejection_document(rejection: Rejection | None) -> dict[str, Any] | None:
    """Return a rejection as plain values; None where nobody rejected the run."""
    if rejection is None:
        return None
    return {"by": rejection.by, "at": at(rejection.at_s), "reason": rejection.reason}


def approval_lines(approval: dict[str, Any] | None, indent: str = "") -> list[str]:
    """Return lines that say who approved; an override is an alarm."""
    if approval is None:
        return []
    if not approval["override"]:
        said = f": {approval['comment']}" if approval["comment"] else ""
        return paragraph(f"approved by {approval['by']} at {approval['at']}{said}", indent)
    told = f"REFUSAL OVERRIDDEN by {approval['by']} at {approval['at']}: {approval['comment']}"
    return [Alarm(line) for line in paragraph(told, indent)]


def rejection_lines(rejection: dict[str, Any] | None, indent: str = "") -> list[str]:
    """Return lines that say who rejected a run, and why."""
    if rejection is None:
        return []
    by = f" by {rejection['by']}" if rejection["by"] else ""
    return paragraph(f"rejected{by} at {rejection['at']}: {rejection['reason']}", indent)
