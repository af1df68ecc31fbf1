"""Format the end of a run: promoted or refused, with its verdict and the pages that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import short
from mlops.cli.output.verdicts import document_of, lines_of
from mlops.runs import names
from mlops.runs.errors import SUCCESS, NotPromoted, PromotionOff, ReviewPending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace


def ended_result(
    workspace: Workspace,
    ended: Promotion,
    dagster_run_id: str = "",
    report: str = "",
    warnings: Sequence[str] = (),
) -> Result:
    """Return the result of a command that brought a run to its end.

    Args:
        workspace: The pipeline's workspace.
        ended: How the run ended.
        dagster_run_id: Dagster's id of the run; empty where it shows none.
        report: Address of the page with the plots; empty where none was made.
        warnings: What the suite expects of the processed rows, does not hold, and does not block.
    """
    decision, promoted = ended.decision, bool(ended.merge_commit)
    document = {
        "pipeline": workspace.spec.name,
        "run_id": ended.run.run_id,
        "branch": ended.run.branch,
        "promoted": promoted,
        "would_promote": promoted or ended.waiting or decision.verdict.would_promote,
        "waiting": ended.waiting,
        "pull_request": ended.pull_request or None,
        "number": ended.number or None,
        "merge_commit": ended.merge_commit or None,
        "evidence_commit": ended.evidence_commit,
        "compared_to": decision.compared_to.number or None,
        "decided_again": ended.decided_again,
        "metrics": dict(decision.metrics),
        "unit": workspace.spec.unit,
        "verdict": document_of(decision.verdict),
        "warnings": list(warnings),
        "links": _links(workspace, ended, dagster_run_id) | ({"plots": report} if report else {}),
    }
    refused = PromotionOff.exit_code if decision.verdict.would_promote else NotPromoted.exit_code
    unpromoted = ReviewPending.exit_code if ended.waiting else refused
    return Result(document, _lines(document, ended), SUCCESS if promoted else unpromoted)


def _links(workspace: Workspace, ended: Promotion, dagster_run_id: str) -> dict[str, str]:
    links = workspace.links
    before = ended.decision.compared_to.commit or names.MAIN
    pages = {
        "compare": links.compare(before, ended.merge_commit or ended.evidence_commit),
        "report": links.report(ended.evidence_commit),
        "review": links.pull_request(ended.pull_request) if ended.pull_request else "",
        "model": links.mlflow_model(workspace.lake.repository)
        if ended.merge_commit and workspace.spec.has_model
        else "",
        "dagster": links.dagster_run(dagster_run_id) if dagster_run_id else "",
    }
    return {name: address for name, address in pages.items() if address}


def _lines(document: dict[str, Any], ended: Promotion) -> list[str]:
    if ended.merge_commit:
        head = f"run {ended.run.run_id} is promotion {ended.number} ({short(ended.merge_commit)})"
    elif ended.run.inputs.is_dev:
        head = f"run {ended.run.run_id} was made in mode dev, nothing is promoted; its evidence is at "
        head += short(ended.evidence_commit)
    elif ended.waiting:
        head = f"run {ended.run.run_id} waits for review; its evidence is at {short(ended.evidence_commit)}"
    else:
        head = f"run {ended.run.run_id} was refused; its evidence is at {short(ended.evidence_commit)}"
    warnings = [f"warning: {line}" for line in document["warnings"]]
    links = [f"{name}: {url}" for name, url in document["links"].items()]
    return [head, *_again(ended), *lines_of(ended.decision.verdict), *warnings, *links, *_next(document)]


def _again(ended: Promotion) -> list[str]:
    """Return a line about a comparison that was made again because the champion or the policy changed."""
    if not ended.decided_again:
        return []
    number = ended.decision.compared_to.number
    with_ = f"with promotion {number}" if number else "with the baseline"
    return [f"compared again, {with_}: main has changed since it was decided"]


def _next(document: dict[str, Any]) -> list[str]:
    if not document["waiting"]:
        return []
    run = f"{document['pipeline']} {document['run_id']}"
    return [f"next: mlops approve {run} --comment TEXT", f"  or: mlops reject {run} --reason TEXT"]
