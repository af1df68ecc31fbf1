"""Declare and run ``mlops show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mlops.cli.options import Json
from mlops.cli.output.approvals import (
    approval_document,
    approval_lines,
    rejection_document,
    rejection_lines,
)
from mlops.cli.output.listed_runs import entry_of
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import at, columns, number, paragraph, short
from mlops.cli.output.verdicts import document_of
from mlops.cli.output.verdicts import lines_of as verdict_lines
from mlops.cli.run_lookup import RunNames, find
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.steps.listing.details import RunDetails
    from mlops.steps.workspace import Workspace

_BELOW = "  "


def show(context: typer.Context, run: RunNames, json: Json = False) -> Result:
    """Show one run: verdict, all reasons, inputs, steps.

    `mlops show 3` is the run of promotion 3, `mlops show 4f01` the run whose id begins so.
    """
    from mlops.steps.listing.details import details_of

    session: Session = context.obj
    workspace, book, found = find(session, run)
    results = book.results([found])
    book.save()
    details = details_of(workspace, found)
    document = _document(workspace, details, entry_of(found, results.get(found.commit)))
    return Result(document, _lines(document, details))


def _document(workspace: Workspace, details: RunDetails, entry: dict[str, Any]) -> dict[str, Any]:
    decision, inputs = details.decision, details.inputs
    return {
        **place_of(workspace),
        **entry,
        "unit": workspace.spec.unit,
        "verdict": document_of(decision.verdict) if decision else None,
        "trained_until": decision.trained_until if decision else "",
        "inputs": {**inputs.to_json(), "digest": inputs.digest} if inputs else None,
        "steps": [
            {"step": s.step, "commit": s.commit, "at": at(s.at_s), "elapsed_s": s.elapsed_s}
            for s in details.steps
        ],
        "approval": approval_document(details.approval),
        "rejection": rejection_document(details.rejection),
        "links": dict(details.links),
        "next": [{"command": command, "does": does} for command, does in details.following],
    }


def _lines(document: dict[str, Any], details: RunDetails) -> list[str]:
    return [
        *_heading(document),
        *approval_lines(document["approval"], _BELOW),
        *rejection_lines(document["rejection"], _BELOW),
        *_verdict(document, details),
        *_metrics(document),
        *_data(document),
        *_steps(document),
        *([""] if document["links"] else []),
        *(f"{name}: {address}" for name, address in document["links"].items()),
        *(line for row in document["next"] for line in _next(row)),
    ]


def _heading(document: dict[str, Any]) -> list[str]:
    state = document["state"] + (f", promotion {document['number']}" if document["number"] else "")
    told = f"{document['pipeline']} run {document['run_id']}: {state}, {document['at']}"
    compared = document["compared_to"]
    against = f" Compared with promotion {compared}." if compared else ""
    verdict = document["verdict"]
    look = (
        f"Evaluation {verdict['look']} on its holdout, at the level {verdict['level']:.4g}."
        if verdict
        else ""
    )
    return [told, *paragraph(look + against, _BELOW)]


def _verdict(document: dict[str, Any], details: RunDetails) -> list[str]:
    if details.decision is not None:
        return ["", *verdict_lines(details.decision.verdict)]
    sentence = details.run.facts.get("sentence", "")
    why = ", ".join(document["reasons"])
    said = ": ".join(filter(None, (why, sentence))) or (f"no verdict yet, at step {document['step']}")
    return paragraph(said, _BELOW) if document["step"] or said else []


def _metrics(document: dict[str, Any]) -> list[str]:
    found = {name: value for name, value in sorted(document["metrics"].items()) if "/" not in name}
    if not found:
        return []
    rows = [(name, "none" if value is None else number(value)) for name, value in found.items()]
    return ["", "metrics", *columns(rows, right=(1,))]


def _data(document: dict[str, Any]) -> list[str]:
    params = ", ".join(f"{name}={value}" for name, value in sorted(document["params"].items()))
    inputs = document["inputs"]
    rows = [
        ("parameters", params),
        ("mode", inputs.get("mode", "") if inputs else ""),
        ("seed", str(inputs["seed"]) if inputs else ""),
        ("data commit", short(document["data_commit"])),
        ("trained until", document["trained_until"]),
        ("evidence", short(document["commit"]) if document["verdict"] else ""),
        ("on main", short(document["merge_commit"] or "")),
        ("branch", document["branch"]),
        ("inputs digest", short(inputs["digest"]) if inputs else ""),
    ]
    return ["", *columns([row for row in rows if row[1]])]


def _steps(document: dict[str, Any]) -> list[str]:
    rows = [
        (s["step"], s["at"], "" if s["elapsed_s"] is None else f"{s['elapsed_s']:,} s", short(s["commit"]))
        for s in document["steps"]
    ]
    return ["", "steps", *columns(rows, right=(2,))] if rows else []


def _next(row: dict[str, str]) -> list[str]:
    return [f"next: {row['command']}", *paragraph(row["does"], "      ")]
