"""Declare and run ``mlops log``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.approvals import approval_document, approval_lines
from mlops.cli.output.results import Result
from mlops.cli.output.text import at, columns, paragraph, short
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.runs.decisions import Decision
    from mlops.runs.gate.budget import Budget
    from mlops.runs.main.event_log import Event, Forgotten, Promoted, RolledBack
    from mlops.steps.workspace import Workspace

_HEADINGS = ("no.", "kind", "when", "metric", "gain", "commit")
_BUDGET_HEADINGS = ("holdout", "evaluations", "level left", "next", "note")
_BELOW = "     "
#: A metric with a longer name is named in the line below, so that the table fits a terminal.
_NAME_WIDTH = 13

Arrivals = Annotated[
    bool, typer.Option("--arrivals", help="List arrivals instead, with where they came from.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")]


def log(
    context: typer.Context,
    pipeline: Pipeline,
    limit: Limit = 20,
    arrivals: Arrivals = False,
    json: Json = False,
) -> Result:
    """List promotions and rollbacks, with gain and error level.

    Below the list stands how much error level is left on each holdout.
    """
    from mlops.runs import names
    from mlops.runs.main.event_log import read_event_log
    from mlops.steps.arrivals.origins import arrivals_on_main

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    events, more = read_event_log(workspace.lake, limit)
    entries = [_entry(event, workspace.spec.unit) for event in events]
    document: dict[str, Any] = {"pipeline": pipeline, "entries": entries, "more": more}
    budgets = _budgets(workspace, limit)
    document["waiting"] = _waiting(session, workspace)
    document["holdouts"] = [dataclasses.asdict(budget) for budget in budgets]
    lines = [*_lines(entries, more), *_waiting_lines(pipeline, document["waiting"]), *_budget_lines(budgets)]
    if json or arrivals:
        head = workspace.lake.head(names.MAIN)
        found = [_arrival(row) for row in arrivals_on_main(workspace.lake, head, limit)]
        document["arrivals"] = found
        lines = _arrival_lines(found) if arrivals else lines
    return Result(document, lines)


def _waiting(session: Session, workspace: Workspace) -> list[dict[str, Any]]:
    """Return the runs that wait for review; nothing is looked for where the policy asks for none."""
    from mlops.runs import names
    from mlops.runs.approval import requires_review
    from mlops.runs.listing.runs import RunState
    from mlops.runs.main.state import read_optional
    from mlops.steps.listing.book import RunBook

    if not requires_review(read_optional(workspace.lake, workspace.lake.head(names.MAIN), names.POLICY)):
        return []
    book = RunBook(workspace.lake, session.settings.state_dir)
    book.save()
    waiting = [run for run in book.runs if run.state is RunState.WAITING]
    return [{"run_id": run.run_id, "at": at(run.at_s), "branch": run.branch} for run in waiting]


def _waiting_lines(pipeline: str, waiting: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for run in waiting:
        lines += [
            f"run {run['run_id']} waits for review since {run['at']}",
            f"next: mlops approve {pipeline} {run['run_id']} --comment TEXT",
        ]
    return lines


def _budgets(workspace: Workspace, limit: int) -> list[Budget]:
    from mlops.runs.gate.budget import budgets
    from mlops.runs.main.state import read_main
    from mlops.steps.evaluation.what_if import policy_on_main

    state = read_main(workspace.lake)
    if not any(tag.startswith("decision-") for tag in state.tags):
        return []
    return budgets(workspace.lake, state.tags, policy_on_main(workspace.lake).alpha, limit)


def _budget_lines(budgets: list[Budget]) -> list[str]:
    if not budgets:
        return []
    rows = [
        (
            f"from {budget.begins[:10]}" if budget.begins else budget.holdout,
            str(budget.evaluations),
            f"{100 * budget.left:.2g} %",
            f"{100 * budget.next_level:.2g} %",
            "little is left; new data makes a new holdout" if budget.low else "",
        )
        for budget in budgets
    ]
    return ["", *columns([_BUDGET_HEADINGS, *rows], right=(1, 2, 3), indent="")]


def _arrival(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in row.items() if name != "at_s"}, "at": at(row["at_s"])}


def _arrival_lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["nothing has been ingested yet"]
    heading, *lines = columns(
        [("arrival", "when", "commit"), *((r["arrival"], r["at"], short(r["commit"])) for r in rows)],
        indent="",
    )
    both = [(line, paragraph(row["source"], _BELOW)) for line, row in zip(lines, rows, strict=True)]
    return [heading, *(text for line, below in both for text in (line, *below))]


def _entry(event: Event, unit: str) -> dict[str, Any]:
    from mlops.runs.main.event_log import Forgotten, Promoted

    if isinstance(event, Promoted):
        return _promoted(event, unit)
    return _forgotten(event) if isinstance(event, Forgotten) else _rolled_back(event)


def _promoted(event: Promoted, unit: str) -> dict[str, Any]:
    champion, verdict = event.champion, event.decision.verdict
    return {
        "number": event.number,
        "kind": "promotion",
        "at": at(event.at_s),
        "commit": event.commit,
        "run_id": champion.run_id,
        "evidence_commit": champion.evidence_commit,
        "replaced": champion.compared_to.number,
        "trained_until": champion.trained_until,
        "metrics": dict(champion.metrics),
        "unit": unit,
        "gain": _gain(event.decision),
        "reason": verdict.sentence,
        "reasons": [str(finding.reason) for finding in verdict.findings],
        "on_main": event.on_main,
        "restores": champion.restores,
        "who": event.who,
        "approval": approval_document(event.approval),
    }


def _forgotten(event: Forgotten) -> dict[str, Any]:
    return {
        "number": event.number,
        "kind": "forgotten",
        "at": at(event.at_s),
        "commit": event.commit,
        "run_id": event.run_id,
        "reason": event.reason,
    }


def _rolled_back(event: RolledBack) -> dict[str, Any]:
    record = event.record
    return {
        "number": event.number,
        "kind": "rollback",
        "at": at(record.requested_at_s),
        "commit": record.to_commit,
        "from_commit": record.from_commit,
        "to_number": record.to_number,
        "forward": record.forward,
        "dropped_runs": list(record.dropped_runs),
        "dropped_arrivals": sorted(record.dropped_arrivals),
        "reason": record.reason,
        "who": event.who,
    }


def _gain(decision: Decision) -> dict[str, Any] | None:
    if not decision.verdict.intervals:
        return None
    first = decision.verdict.intervals[0]
    return {
        "metric": first.name,
        "against": first.against,
        "value": first.candidate,
        "difference": first.difference,
        "lower": first.lower,
        "upper": first.upper,
    }


def _lines(entries: list[dict[str, Any]], more: int) -> list[str]:
    if not entries:
        return ["nothing has been promoted yet"]
    heading, *rows = columns([_HEADINGS, *map(_row, entries)], right=(0, 3, 4), indent="")
    lines = [heading]
    for entry, row in zip(entries, rows, strict=True):
        lines += [row, *paragraph(_below(entry), _BELOW), *approval_lines(entry.get("approval"), _BELOW)]
    return [*lines, f"{more} older; a higher --limit shows them"] if more else lines


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    number, when, commit = str(entry["number"]), entry["at"], short(entry["commit"])
    if entry["kind"] == "rollback":
        return (number, f"rollback to {entry['to_number']}", when, "", "", commit)
    if entry["kind"] == "forgotten":
        return (number, "forgotten", when, "", "", commit)
    gain = entry["gain"]
    name = f"{gain['metric']} " if gain and len(gain["metric"]) <= _NAME_WIDTH else ""
    value = f"{name}{gain['value']:.4g}" if gain else ""
    difference = f"{gain['difference']:+.3g}" if gain else ""
    return (number, "promotion" if entry["on_main"] else "dropped", when, value, difference, commit)


def _below(entry: dict[str, Any]) -> str:
    """Return the line below an event: its run and its reason."""
    if entry["kind"] == "rollback":
        runs = ", ".join(entry["dropped_runs"])
        return f"{f'run {runs} dropped: ' if runs else ''}{entry['reason']}"
    run = f"run {entry['run_id']}"
    if entry["kind"] == "forgotten":
        return f"{run}: {entry['reason']}"
    gain = entry["gain"]
    over = f" over the {gain['against']} by {gain['lower']:.3g} to {gain['upper']:.3g}" if gain else ""
    if gain and len(gain["metric"]) > _NAME_WIDTH:
        over += f" in {gain['metric']}"
    return f"{run}{over}: {', '.join(entry['reasons'])}"
