"""``log``: the promotions and rollbacks of a pipeline, from the record tags and main's own history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import at, columns, paragraph, short
from mlops.cli.session import Session
from mlops.runs import names

if TYPE_CHECKING:
    from mlops.runs.evidence import Decision
    from mlops.runs.ports import Commit, Lake
    from mlops.steps.workspace import Workspace

_HEADINGS = ("no.", "kind", "when", "metric", "gain", "commit")
_BELOW = "     "


def log(session: Session, pipeline: str, limit: int) -> Result:
    """Show the newest events first; what a rollback dropped stays in the record and says so."""
    from mlops.runs.main.state import lineage, read_main

    workspace = session.workspace(pipeline)
    state = read_main(workspace.lake)
    on_main = {commit.id: commit for commit in lineage(workspace.lake, state.head)}
    recorded = _recorded(state.tags, on_main)
    entries = [
        _rollback(workspace.lake, number, commit)
        if names.is_rollback_tag(tag)
        else _promotion(workspace, number, commit, on_main=commit in on_main)
        for number, tag, commit in recorded[:limit]
    ]
    document = {"pipeline": pipeline, "entries": entries, "more": max(0, len(recorded) - limit)}
    return Result(document, _lines(entries, document["more"]))


def _recorded(tags: Any, on_main: dict[str, Commit]) -> list[tuple[int, str, str]]:
    """Return number, tag and commit of every event, newest first; a merge counts before it is tagged."""
    found = {tag: commit for tag, commit in tags.items() if names.event_number(tag) is not None}
    for commit in on_main.values():
        if commit.metadata.get("kind") == "promotion":
            found.setdefault(names.promotion_tag(int(commit.metadata["number"])), commit.id)
    rows = [(names.event_number(tag) or 0, tag, commit) for tag, commit in found.items()]
    return sorted(rows, reverse=True)


def _promotion(workspace: Workspace, number: int, commit: str, *, on_main: bool) -> dict[str, Any]:
    from mlops.runs.evidence import Decision
    from mlops.runs.main.state import champion_of, read_json, read_optional

    lake = workspace.lake
    data = read_optional(lake, commit, names.CHAMPION)
    if data is None:
        return _forgotten(lake, number, commit)
    champion = champion_of(data, commit)
    decision = Decision.from_json(read_json(lake, commit, names.DECISION))
    return {
        "number": number,
        "kind": "promotion",
        "at": at(lake.commit_of(commit).created_at_s),
        "commit": commit,
        "run_id": champion.run_id,
        "evidence_commit": champion.evidence_commit,
        "replaced": champion.compared_to.number,
        "trained_until": champion.trained_until,
        "metrics": dict(champion.metrics),
        "unit": workspace.spec.unit,
        "gain": _gain(decision),
        "reason": decision.verdict.sentence,
        "reasons": [str(finding.reason) for finding in decision.verdict.findings],
        "on_main": on_main,
        "restores": champion.restores,
    }


def _forgotten(lake: Lake, number: int, commit: str) -> dict[str, Any]:
    """Return what is left of a promotion whose run was forgotten: that, when, and why."""
    request = lake.commit_of(commit)
    return {
        "number": number,
        "kind": "forgotten",
        "at": at(request.created_at_s),
        "commit": commit,
        "run_id": request.metadata.get("forgotten_run", ""),
        "reason": request.metadata.get("reason", ""),
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


def _rollback(lake: Lake, number: int, frozen: str) -> dict[str, Any]:
    from mlops.runs.main.state import read_json
    from mlops.runs.records import RollbackRecord

    record = RollbackRecord.from_json(read_json(lake, frozen, names.ROLLBACK))
    return {
        "number": number,
        "kind": "rollback",
        "at": at(record.requested_at_s),
        "commit": record.to_commit,
        "from_commit": record.from_commit,
        "to_number": record.to_number,
        "forward": record.forward,
        "dropped_runs": list(record.dropped_runs),
        "dropped_arrivals": sorted(record.dropped_arrivals),
        "reason": record.reason,
    }


def _lines(entries: list[dict[str, Any]], more: int) -> list[str]:
    if not entries:
        return ["nothing has been promoted yet"]
    heading, *rows = columns([_HEADINGS, *map(_row, entries)], right=(0, 3, 4), indent="")
    lines = [heading]
    for entry, row in zip(entries, rows, strict=True):
        lines += [row, *paragraph(_below(entry), _BELOW)]
    return [*lines, f"{more} more before that; --limit shows them"] if more else lines


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    number, when, commit = str(entry["number"]), entry["at"], short(entry["commit"])
    if entry["kind"] == "rollback":
        return (number, f"rollback to {entry['to_number']}", when, "", "", commit)
    if entry["kind"] == "forgotten":
        return (number, "forgotten", when, "", "", commit)
    gain = entry["gain"]
    value = f"{gain['metric']} {gain['value']:.4g}" if gain else ""
    difference = f"{gain['difference']:+.3g}" if gain else ""
    return (number, "promotion" if entry["on_main"] else "dropped", when, value, difference, commit)


def _below(entry: dict[str, Any]) -> str:
    """Return which run an event is about, and why it came to be."""
    if entry["kind"] == "rollback":
        runs = ", ".join(entry["dropped_runs"])
        return f"{f'run {runs} dropped: ' if runs else ''}{entry['reason']}"
    run = f"run {entry['run_id']}"
    if entry["kind"] == "forgotten":
        return f"{run}: {entry['reason']}"
    gain = entry["gain"]
    over = f" over the {gain['against']} by {gain['lower']:.3g} to {gain['upper']:.3g}" if gain else ""
    return f"{run}{over}: {', '.join(entry['reasons'])}"
