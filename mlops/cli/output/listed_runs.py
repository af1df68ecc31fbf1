"""Format runs of a listing, for people and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops.cli.output.text import at, columns, count, paragraph, short

if TYPE_CHECKING:
    from mlops.runs.listing.runs import Listed

_HEADINGS = ("run", "state", "age", "gain", "data", "interval")
_BELOW = "    "
_AGES = ((7 * 86400, "w"), (86400, "d"), (3600, "h"), (60, "min"))


def entry_of(run: Listed, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a run as plain values.

    Args:
        run: The run.
        result: What its decision found; None where it has none.
    """
    facts, found = run.facts, result or {}
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "step": facts.get("step", ""),
        "at": at(run.at_s),
        "at_s": run.at_s,
        "opened_at_s": facts.get("opened_at_s"),
        "branch": run.branch,
        "number": run.number or None,
        "commit": run.commit,
        "merge_commit": run.merge_commit or None,
        "data_commit": facts.get("fork", ""),
        "outcome": facts.get("outcome"),
        "reasons": found.get("reasons") or ([facts["reason"]] if facts.get("reason") else []),
        "gain": found.get("gain"),
        "metrics": found.get("metrics", {}),
        "compared_to": int(facts.get("compared_to") or 0) or None,
        "evaluation": facts.get("decision_tag", ""),
        "params": dict(run.params),
        "restores": facts.get("restores") or None,
    }


def lines_of(entry: Mapping[str, Any], defaults: Mapping[str, Any], now_s: int, sort: str) -> list[str]:
    """Return the lines of one pipeline's runs.

    Args:
        entry: Pipeline, unit, runs, and how many further ones there are.
        defaults: Parameter to its default; only other values are shown.
        now_s: From when ages are counted, Unix seconds.
        sort: Metric that the runs are sorted by; empty for none.
    """
    runs = entry["runs"]
    heading = f"{entry['pipeline']}: {count(entry['total'], 'run')}"
    if not runs:
        return [f"{heading}{', none of them like this' if entry['total'] else ''}"]
    metrics = sorted({run["gain"]["metric"] for run in runs if run["gain"]})
    unit = f", in {entry['unit']}" if entry["unit"] and metrics else ""
    of = f"; gains are of {', '.join(metrics)}{unit}" if metrics else ""
    head, *rows = columns([_HEADINGS, *(_row(run, now_s) for run in runs)], right=(2, 3), indent="")
    lines = [*paragraph(heading + of, ""), head]
    for run, first in zip(runs, rows, strict=True):
        lines += [first, *paragraph(_below(run, sort, defaults), _BELOW)]
    return [*lines, *_notes(entry, sort)]


def _row(run: Mapping[str, Any], now_s: int) -> tuple[str, ...]:
    gain = run["gain"]
    state = f"{run['state']} {run['number']}" if run["number"] else run["state"]
    return (
        run["run_id"],
        state,
        age(now_s - run["at_s"]),
        f"{gain['difference']:+.3g}" if gain and gain["difference"] is not None else "",
        short(run["data_commit"]),
        _interval(gain),
    )


def _interval(gain: Mapping[str, Any] | None) -> str:
    if not gain or gain["lower"] is None or gain["upper"] is None:
        return ""
    return f"{gain['lower']:+.3g} to {gain['upper']:+.3g}"


def _below(run: Mapping[str, Any], sort: str, defaults: Mapping[str, Any]) -> str:
    """Return the line below a run: verdict, what is sorted by, and parameters other than the defaults."""
    said = ", ".join(dict.fromkeys(run["reasons"])) or (f"at step {run['step']}" if run["step"] else "")
    value = run["metrics"].get(sort)
    metric = f"{sort} {value:.5g}" if value is not None else ""
    others = {name: value for name, value in run["params"].items() if defaults.get(name) != value}
    params = ", ".join(f"{name}={value}" for name, value in sorted(others.items()))
    if run["params"] and not others:
        params = "default parameters"
    return "; ".join(filter(None, (said, metric, params)))


def _notes(entry: Mapping[str, Any], sort: str) -> list[str]:
    holdouts = {run["evaluation"].rpartition("-")[0] for run in entry["runs"] if run["evaluation"]}
    notes: list[str] = []
    if sort and len(holdouts) > 1:
        notes += paragraph("Runs of different holdouts are listed: their metrics are not comparable.", "")
    if entry["more"]:
        notes.append(f"{entry['more']:,} more; a higher --limit shows them")
    return notes


def age(seconds: int) -> str:
    """Return an age in its largest whole unit: ``3 d``."""
    for size, unit in _AGES:
        if seconds >= size * (2 if unit == "w" else 1):
            return f"{seconds // size} {unit}"
    return "now"
