"""``audit``: what main's history, its tags and MLflow prove, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.cli.output.failures import interrupted
from mlops.cli.output.results import Result, StoppedHalfway
from mlops.cli.output.text import count, short
from mlops.cli.session import Session
from mlops.runs import names
from mlops.runs.errors import MlopsError, bounded
from mlops.runs.promotion.lookup import resolved

if TYPE_CHECKING:
    from mlops.runs.audit.audit import Audited, AuditFinding, Depth

#: A line of progress is shown this often at most, seconds; a commit with findings is always shown.
_TELL_EVERY_S = 1.0
#: Longest line about a finding.
_LINE = 600


@dataclass(frozen=True)
class Asked:
    """How far back and how deep an audit goes.

    Attributes:
        since: Only what came after this ref; empty for everything.
        rescore: Whether models predict again.
        rebuild: Whether rows are made again and suites run again.
        refit: Whether models are trained again.
        from_start: Whether what an earlier audit found clean is asked again.
    """

    since: str = ""
    rescore: bool = False
    rebuild: bool = False
    refit: bool = False
    from_start: bool = False


def audit(session: Session, pipeline: str, asked: Asked) -> Result:
    """Prove what is on main, commit by commit; what cannot be proved is named.

    Raises:
        StoppedHalfway: Something does not hold (then the error is `AuditFailed`), or the audit could not go
            on; what was found so far is shown.
    """
    workspace = session.workspace(pipeline)
    start = resolved(workspace.lake, asked.since) if asked.since else ""
    session.tell(f"auditing repository {workspace.lake.repository} at {workspace.lake.endpoint}")
    session.tell("loading libraries")
    from mlops.steps.audit.audit import Depth, audit_pipeline, failure

    depth = Depth(rescore=asked.rescore, rebuild=asked.rebuild, refit=asked.refit)
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "since": start or None,
        "rescored": depth.rescore,
        "rebuilt": depth.rebuild,
        "refitted": depth.refit,
    }
    report = _Report(session, document, depth)
    try:
        for step in audit_pipeline(
            workspace, session.settings.state_dir, since=start, depth=depth, from_start=asked.from_start
        ):
            report.add(step)
    except MlopsError as error:
        raise StoppedHalfway(error, report.result()) from error
    except KeyboardInterrupt as error:
        raise StoppedHalfway(interrupted(), report.result()) from error
    failed = failure(report.findings)
    if failed is not None:
        raise StoppedHalfway(failed, report.result())
    return report.result()


@dataclass
class _Report:
    """What an audit has told so far.

    Attributes:
        session: Where progress goes.
        document: What is known before it begins.
        depth: How much is computed again.
        findings: What was found.
        audited: Commits that were audited.
        finished: Whether tags, protection and MLflow were audited too, which comes last.
    """

    session: Session
    document: dict[str, Any]
    depth: Depth
    findings: list[AuditFinding] = field(default_factory=list)
    audited: int = 0
    finished: bool = False
    _told_at: float = 0.0

    def add(self, step: Audited) -> None:
        """Take up the next step."""
        self.findings += step.findings
        if step.commit is None:
            self.finished = True
        else:
            self.audited += 1
        now = time.monotonic()
        if step.findings or step.commit is None or now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self.session.tell(_progress(step))

    def result(self) -> Result:
        """Return what was found, one line each, and what no audit of this kind proves."""
        from mlops.steps.audit.audit import limits

        proved = sum(finding.proved for finding in self.findings)
        open_ = limits(self.depth)
        document = {
            **self.document,
            "audited": self.audited,
            "finished": self.finished,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "limits": list(open_),
        }
        found = f"{count(proved, 'finding')}, {len(self.findings) - proved} not proved"
        total = f"{count(self.audited, 'commit')} audited, {found if self.findings else 'nothing found'}"
        unfinished = [] if self.finished else ["the audit did not come to its end"]
        lines = [*map(line_of, self.findings), total, *unfinished]
        return Result(document, [*lines, *(f"not proved by this audit: {limit}" for limit in open_)])


def line_of(finding: AuditFinding) -> str:
    """Return a finding in one line: commit, invariant, what is wrong, what to do."""
    place = short(finding.commit) or names.MAIN
    what = finding.what if finding.proved else f"not proved: {finding.what}"
    todo = f"; {finding.todo}" if finding.todo else ""
    return bounded(f"{place} {finding.invariant}: {what}{todo}", _LINE)


def _progress(step: Audited) -> str:
    what = f"commit {short(step.commit.id)}" if step.commit else "tags, protection, MLflow"
    found = f": {count(len(step.findings), 'finding')}" if step.findings else ""
    return f"{step.position} of {step.total}: {what}{found}"
