"""The report of a run as a Markdown page, which lakeFS shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs import json_values
from mlops.runs.decisions import Bound, Decision, Interval, NotJudged, Outcome
from mlops.runs.records import Run

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace

_MORE = (
    "What else the predictions show is in [details.md](details.md).",
    "",
)


def run_page(workspace: Workspace, run: Run, decision: Decision, *, detailed: bool = False) -> bytes:
    """Return ``reports/run.md``: the decision, its reasons, the champion and the data.

    Args:
        workspace: The pipeline's workspace.
        run: The run.
        decision: The decision.
        detailed: Whether a page with details lies beside it.
    """
    verdict = decision.verdict
    champion = _compared_to(decision) or "no champion yet"
    lines = [
        *_heading(workspace, run, decision),
        f"Compared with {champion}, in evaluation {verdict.look} on this holdout "
        f"(error level {verdict.level:.4g}). The metric that decides is in {workspace.spec.unit}.",
        "",
        *_intervals(verdict.intervals),
        *_sentences(*verdict.bounds, *verdict.not_judged),
        *_reasons_and_numbers(decision),
        *(_MORE if detailed else ()),
        *_inputs(workspace, run, decision),
        "",
        "## What the model may not take",
        "",
        *(f"- `{column}`: {reason}" for column, reason in workspace.spec.excluded.items()),
        "",
    ]
    return "\n".join(lines).encode()


def data_page(workspace: Workspace, run: Run, decision: Decision) -> bytes:
    """Return ``reports/run.md`` of data without a model: the decision, its reasons and the inputs."""
    lines = [
        *_heading(workspace, run, decision),
        f"A version of the data without a model; it replaces {_compared_to(decision) or 'nothing'}. "
        "The profile of its rows is in [profile.md](profile.md), the results of the suite in "
        "[validation](validation/README.md).",
        "",
        *_reasons_and_numbers(decision),
        *_inputs(workspace, run, decision),
        "",
    ]
    return "\n".join(lines).encode()


def _heading(workspace: Workspace, run: Run, decision: Decision) -> list[str]:
    word = "Promote" if decision.verdict.outcome is Outcome.PROMOTE else "Refuse"
    return [
        f"# {workspace.spec.title}: {word.lower()} run `{run.run_id}`",
        "",
        f"**{word}.** {decision.verdict.sentence}",
        "",
    ]


def _compared_to(decision: Decision) -> str:
    """Return the promotion that a run was compared with; empty where there was none."""
    against = decision.compared_to
    return f"promotion {against.number} (run `{against.run_id}`)" if against.number else ""


def _reasons_and_numbers(decision: Decision) -> list[str]:
    return [
        "## Why",
        "",
        *(f"- `{finding.reason}`: {finding.sentence}" for finding in decision.verdict.findings),
        "",
        "## Metrics",
        "",
        "| metric | value |",
        "|---|---:|",
        *(
            f"| {name} | {value:,.{0 if float(value).is_integer() else 4}f} |"
            for name, value in sorted(decision.metrics.items())
        ),
        "",
    ]


def _inputs(workspace: Workspace, run: Run, decision: Decision) -> list[str]:
    return [
        "## Inputs",
        "",
        f"- raw data and gate: commit `{run.fork}`",
        *([f"- trained until {decision.trained_until}"] if decision.trained_until else []),
        *_rows(workspace, run),
        f"- inputs digest `{decision.inputs_digest}`",
        *(f"- {name} = {value}" for name, value in sorted(run.inputs.params.items())),
    ]


def _rows(workspace: Workspace, run: Run) -> list[str]:
    """Return how many rows were read, used and left out, as the processing step recorded them."""
    for commit in workspace.lake.log(run.head):
        if commit.id == run.fork:
            break
        if "rows" in commit.metadata:
            rows, dropped = (json_values.parse(commit.metadata[key]) for key in ("rows", "dropped"))
            used = [f"- {name}: {count:,}" for name, count in rows.items()]
            return used + [f"- left out, {reason}: {count:,} rows" for reason, count in dropped.items()]
    return []


def _sentences(*found: Bound | NotJudged) -> list[str]:
    return [*(f"- {each.sentence}" for each in found), ""] if found else []


def _intervals(intervals: tuple[Interval, ...]) -> list[str]:
    if not intervals:
        return []
    rows = [
        f"| {i.name} | {i.against} | {i.candidate:,.4f} | {i.other:,.4f} | {i.difference:+,.4f} "
        f"| {i.lower:+,.4f} to {i.upper:+,.4f} | {i.bound:,.4g} | {'yes' if i.holds else '**no**'} |"
        for i in intervals
    ]
    return [
        "| compared | against | candidate | other | difference | interval | bound | holds |",
        "|---|---|---:|---:|---:|---|---:|---|",
        *rows,
        "",
    ]
