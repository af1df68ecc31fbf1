"""Format a verdict, for people and as plain values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mlops.cli.output.text import columns, paragraph

if TYPE_CHECKING:
    from mlops.runs.decisions import Interval, Verdict

_HEADINGS = ("compared", "against", "candidate", "other", "interval", "bound", "holds")


def document_of(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain values."""
    return {
        "outcome": str(verdict.outcome),
        "what_if": verdict.what_if,
        "findings": [{"reason": str(f.reason), "sentence": f.sentence} for f in verdict.findings],
        "intervals": [dataclasses.asdict(interval) for interval in verdict.intervals],
        "not_judged": [dataclasses.asdict(slice_) for slice_ in verdict.not_judged],
        "bounds": [dataclasses.asdict(bound) for bound in verdict.bounds],
        "power": [dataclasses.asdict(power) for power in verdict.power],
        "look": verdict.look,
        "level": verdict.level,
    }


def lines_of(verdict: Verdict) -> list[str]:
    """Return one line per reason, and a table of the comparisons."""
    said = [f"{finding.reason}: {finding.sentence}" for finding in verdict.findings]
    why = [line for text in said for line in _hanging(text)]
    if not verdict.intervals:
        return why
    why += [line for bound in verdict.bounds for line in _hanging(bound.sentence)]
    why += [line for slice_ in verdict.not_judged for line in _hanging(slice_.sentence)]
    return [*why, *columns([_HEADINGS, *map(_row, verdict.intervals)], right=(2, 3, 5))]


def _hanging(text: str) -> list[str]:
    first, *below = paragraph(text, "    ")
    return [first[2:], *below]


def _row(interval: Interval) -> tuple[str, ...]:
    return (
        interval.name,
        interval.against,
        f"{interval.candidate:,.4g}",
        f"{interval.other:,.4g}",
        f"{interval.lower:+,.3g} to {interval.upper:+,.3g}",
        f"{interval.bound:,.3g}",
        "yes" if interval.holds else "NO",
    )
