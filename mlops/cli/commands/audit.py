"""Declare and run ``mlops audit``."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.approvals import approval_document
from mlops.cli.output.failures import interrupted
from mlops.cli.output.results import Alarm, Result, StoppedHalfway, place_of
from mlops.cli.output.text import count, short
from mlops.cli.session import Session
from mlops.runs import names
from mlops.runs.errors import MlopsError, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops.runs.audit.audit import Audited, AuditFinding, Depth
    from mlops.steps.workspace import Workspace

#: Most frequent line of progress, seconds; a commit with findings is always reported.
_REPORT_EVERY_S = 1.0
#: Longest line about a finding, characters.
_LINE = 600

Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="REF",
        help="Audit only what came after this promotion number, tag or commit.",
        show_default=False,
    ),
]
Rescore = Annotated[
    bool, typer.Option("--rescore", help="Load the models, predict again and compare with the record.")
]
Rebuild = Annotated[
    bool,
    typer.Option(
        "--rebuild",
        help="Prepare the rows again from raw data, and run the suites again, those of ingests too.",
    ),
]
Refit = Annotated[
    bool, typer.Option("--refit", help="Train the models again and compare their predictions (slow).")
]
FromStart = Annotated[
    bool, typer.Option("--from-start", help="Check again what an earlier audit found clean.")
]


def audit(
    context: typer.Context,
    pipeline: Pipeline,
    since: Since = "",
    rescore: Rescore = False,
    rebuild: Rebuild = False,
    refit: Refit = False,
    from_start: FromStart = False,
    json: Json = False,
) -> Result:
    """Prove that everything on main passed the gate.

    Continues where the last audit on this machine ended. Exit code 41: the audit found violations, one line
    each. Exit code 43: it found none, but could not prove everything. A recomputed value that differs is not
    proved rather than a violation if other code or other libraries computed it.
    """
    from mlops.runs.promotion.lookup import resolved

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    start = resolved(workspace.lake, since) if since else ""
    session.report(f"auditing repository {workspace.lake.repository} at {workspace.lake.endpoint}")
    session.report("loading libraries")
    from mlops.steps.audit.audit import Depth, audit_pipeline

    depth = Depth(rescore=rescore, rebuild=rebuild, refit=refit)
    report = _Report(session, _document(workspace, start, depth), depth, workspace)
    state_dir = session.settings.state_dir
    steps = audit_pipeline(workspace, state_dir, since=start, depth=depth, from_start=from_start)
    return _collected(report, steps)


def _document(workspace: Workspace, start: str, depth: Depth) -> dict[str, Any]:
    return {
        **place_of(workspace),
        "since": start or None,
        "rescored": depth.rescore,
        "rebuilt": depth.rebuild,
        "refitted": depth.refit,
    }


def _collected(report: _Report, steps: Iterator[Audited]) -> Result:
    """Carry an audit out and return its result; a finding or an error stops the command with it."""
    from mlops.steps.audit.audit import failure

    try:
        for step in steps:
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
    """The report of an audit while it grows.

    Attributes:
        session: Where progress goes.
        document: The keys of the JSON document that are known from the start.
        depth: How much is computed again.
        workspace: The audited pipeline.
        findings: The findings so far.
        audited: Number of commits audited so far.
        finished: Whether tags, protection and MLflow were audited too, which comes last.
    """

    session: Session
    document: dict[str, Any]
    depth: Depth
    workspace: Workspace
    findings: list[AuditFinding] = field(default_factory=list)
    audited: int = 0
    finished: bool = False
    _reported_at: float = 0.0

    def add(self, step: Audited) -> None:
        """Add a step, and report progress now and then."""
        self.findings += step.findings
        if step.commit is None:
            self.finished = True
        else:
            self.audited += 1
        now = time.monotonic()
        if step.findings or step.commit is None or now - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = now
            self.session.report(_progress(step))

    def result(self) -> Result:
        """Return the findings, one line each, and the limits of this kind of audit."""
        from mlops.steps.audit.audit import limits

        proved = sum(finding.proved for finding in self.findings)
        open_ = limits(self.depth)
        approvals = _approvals(self.workspace) if self.finished else []
        document = {
            **self.document,
            "audited": self.audited,
            "finished": self.finished,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "approvals": approvals,
            "limits": list(open_),
        }
        found = f"{count(proved, 'finding')}, {len(self.findings) - proved} not proved"
        total = f"{count(self.audited, 'commit')} audited, {found if self.findings else 'nothing found'}"
        unfinished = [] if self.finished else ["the audit did not finish"]
        lines = [*map(line_of, self.findings), total, *_approval_lines(approvals), *unfinished]
        return Result(document, [*lines, *(f"not proved by this audit: {limit}" for limit in open_)])


def _approvals(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what people approved or overrode on `main`, the oldest first."""
    from mlops.runs.approval import approval_of
    from mlops.runs.main.state import promotions

    found = [
        (c, approval_of(c.metadata)) for c in promotions(workspace.lake, workspace.lake.head(names.MAIN))
    ]
    return [
        {"number": int(commit.metadata["number"]), "commit": commit.id, **(approval_document(approval) or {})}
        for commit, approval in reversed(found)
        if approval is not None
    ]


def _approval_lines(approvals: list[dict[str, Any]]) -> list[str]:
    """Return a line for each overridden refusal, and how many promotions were approved besides."""
    overridden = [approval for approval in approvals if approval["override"]]
    approved = len(approvals) - len(overridden)
    lines: list[str] = []
    for entry in overridden:
        told = f"promotion {entry['number']} at {short(entry['commit'])}: refusal overridden by {entry['by']}"
        lines.append(Alarm(bounded(f"{told}: {entry['comment']}", _LINE)))
    if approved:
        people = sorted({entry["by"] for entry in approvals if not entry["override"]})
        lines.append(f"{count(approved, 'promotion')} approved by {', '.join(people)}; see `mlops log`")
    return lines


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
