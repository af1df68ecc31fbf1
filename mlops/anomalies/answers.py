"""Attribution of a stopped anomaly to the server, a command, the gate or the audit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.anomalies.model import Answer

if TYPE_CHECKING:
    from mlops.runs.audit.findings import AuditFinding
    from mlops.runs.decisions import Verdict
    from mlops.runs.errors import MlopsError

_HOOK = re.compile(r"failed on action '(?P<action>[^']*)' hook '(?P<hook>[^']*)'")


def of_error(error: MlopsError) -> Answer:
    """Return who raised an error: the server, if an answer of its HTTP is behind it, else the command."""
    status, body = _http(error)
    if not status:
        return Answer("command", type(error).__name__, error.what)
    hook = _HOOK.search(body)
    where = f" {hook['action']}: {hook['hook']}" if hook else ""
    return Answer("server", f"{status}{where}", error.what)


def of_verdict(verdict: Verdict) -> Answer:
    """Return the gate's refusal of a candidate."""
    first = verdict.findings[0]
    return Answer("gate", str(first.reason), first.sentence)


def of_finding(finding: AuditFinding) -> Answer:
    """Return what the audit found."""
    return Answer("audit", finding.invariant, finding.what)


def _http(error: BaseException) -> tuple[int, str]:
    """Return status and body of the server's answer that an error stands for; 0 where there is none."""
    found: BaseException | None = error
    while found is not None:
        answer: Any = found
        status = getattr(answer, "status", None)
        if isinstance(status, int):
            body = answer.body
            return status, body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
        found = found.__cause__
    return 0, ""
