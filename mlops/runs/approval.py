"""Approvals: who let a promotion happen, where the policy or a refusal asks for a person.

An approval is part of the promotion that it allows: it is in the metadata of the merge and in its signed
statement, nowhere else. So nothing on the branch of a run can approve it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.runs.decisions import Outcome, Policy, Reason, Verdict

#: Refusals that a person whom the policy names may override: those about numbers. Nobody can override
#: evidence that is missing, leaked or not finite, a champion that was not compared, or a revoked run.
OVERRIDABLE = frozenset(
    {
        Reason.NO_GAIN,
        Reason.GAIN_TOO_SMALL,
        Reason.NOT_SIGNIFICANT,
        Reason.WORSE_THAN_BASELINE,
        Reason.GUARD_FAILED,
    }
)

CLAIMED, PROVEN = "claimed:", "proven:"

_REVIEW = re.compile(rb"""^["']?promotion["']?\s*:\s*["']?review["']?\s*(?:#.*)?$""", re.MULTILINE)


@dataclass(frozen=True)
class Approval:
    """A person's approval of one promotion.

    Attributes:
        by: Who approved: ``claimed:NAME``, or ``proven:NAME`` where the lake server knows its users.
        at_s: When, Unix seconds.
        comment: What the person said; of an override, the reason.
        override: Whether it overrides a refusal of the gate.
    """

    by: str
    at_s: int
    comment: str = ""
    override: bool = False

    @property
    def name(self) -> str:
        """Return the name of the person, as a policy lists names."""
        return person(self.by)

    def metadata(self) -> dict[str, str]:
        """Return the approval as metadata of a merge commit."""
        said = {"approved_by": self.by, "approved_at_s": str(self.at_s), "comment": self.comment}
        return {**said, "override": "true"} if self.override else said

    def facts(self) -> dict[str, Any]:
        """Return the approval as a signed statement tells it."""
        return {"by": self.by, "at_s": self.at_s, "comment": self.comment, "override": self.override}


def person(who: str) -> str:
    """Return the name in ``claimed:NAME`` or ``proven:NAME``; empty for any other text."""
    for prefix in (CLAIMED, PROVEN):
        if who.startswith(prefix):
            return who.removeprefix(prefix)
    return ""


def approval_of(metadata: Mapping[str, str]) -> Approval | None:
    """Return the approval in the metadata of a promotion; None where nobody approved it."""
    by, at_s = metadata.get("approved_by", ""), metadata.get("approved_at_s", "")
    if not by:
        return None
    at = int(at_s) if at_s.isdecimal() else 0
    return Approval(by, at, metadata.get("comment", ""), metadata.get("override") == "true")


def overridable(verdict: Verdict) -> bool:
    """Return whether a refusal is of the kind that a person may override."""
    refused = verdict.outcome is Outcome.REFUSE and not verdict.what_if
    return refused and bool(verdict.intervals) and all(f.reason in OVERRIDABLE for f in verdict.findings)


def overrides(policy: Policy, verdict: Verdict, approval: Approval | None) -> bool:
    """Return whether an approval lets a refused candidate be promoted under a policy."""
    if approval is None or not approval.override or not approval.comment.strip():
        return False
    return policy.has_model and approval.name in policy.override_by and overridable(verdict)


def requires_review(policy: bytes | None) -> bool:
    """Return whether the content of ``gate/policy.yaml`` asks for review, for lists and pages.

    What is promoted is decided by the policy as the gate reads it, not by this.
    """
    return policy is not None and _REVIEW.search(policy) is not None
