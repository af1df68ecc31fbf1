"""The first screen of a report: verdict, deciding interval, guards, budget, changes, commands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.gate.budget import is_low
from mlops.steps.report import figures, numbers
from mlops.steps.report.markup import pairs, plot, text

if TYPE_CHECKING:
    from mlops.steps.report.evidence import Evidence

_ARRIVALS = 6


def first_screen(evidence: Evidence) -> str:
    """Return everything that a reviewer needs to understand the verdict."""
    decision, run = evidence.decision, evidence.run
    decided = datetime.fromtimestamp(decision.decided_at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    against = decision.compared_to
    other = f", compared with promotion {against.number}" if against.number else ", the first one"
    return "\n".join(
        (
            f"<h1>{text(evidence.spec.title)}: run <code>{text(run.run_id)}</code>{other}, {decided}</h1>",
            _verdict(evidence),
            f'<div class="two"><div>{_gain(evidence)}{_guards(evidence)}</div>'
            f"<div><h3>What changed since the champion</h3>{_changes(evidence)}"
            f'<div class="commands"><h3>Next</h3>{_commands(evidence)}</div></div></div>',
        )
    )


def _verdict(evidence: Evidence) -> str:
    verdict = evidence.decision.verdict
    word = "Passed." if verdict.promotes else "Refused."
    first, *others = verdict.findings
    more = "".join(f"<li>{text(finding.sentence)}</li>" for finding in others)
    return (
        f'<p class="verdict {verdict.outcome}"><b>{word}</b>{text(first.sentence)}</p>'
        f"{f'<ul>{more}</ul>' if more else ''}{_budget(evidence)}"
    )


def _budget(evidence: Evidence) -> str:
    """Return how much of the holdout's error level is used."""
    verdict, policy = evidence.decision.verdict, evidence.policy
    if not policy.has_model:
        return ""
    left = 100 * policy.alpha / (verdict.look + 1)
    low = ", too little to show a small gain without new data" if is_low(verdict.look + 1) else ""
    return (
        f'<p class="soft">Evaluation {verdict.look} on this holdout of {evidence.paired.rows:,} rows, made '
        f"at the level {100 * verdict.level:.2g} %. Of the error level of {100 * policy.alpha:g} % for all "
        f"evaluations {left:.2g} % is left{low}.</p>"
    )


def _gain(evidence: Evidence) -> str:
    intervals = numbers.deciding(evidence)
    if not intervals:
        return ""
    drawn = figures.gain(intervals, evidence.spec.unit)
    return plot(
        drawn, "The deciding interval. It must lie right of zero, and its point right of the least gain."
    )


def _guards(evidence: Evidence) -> str:
    found = numbers.guards(evidence)
    if not found:
        return ""
    small = [f"<li>{text(each.sentence)}</li>" for each in evidence.decision.verdict.not_judged]
    bounds = [
        f'<li class="{"ok" if bound.holds else "failed"}">{text(bound.sentence)}</li>'
        for bound in evidence.decision.verdict.bounds
    ]
    drawn = plot(
        figures.guards(found),
        "Guards. Each interval must lie right of the dashed limit: -1 is the whole tolerance used up.",
    )
    notes = f"<ul>{''.join(bounds + small)}</ul>" if bounds or small else ""
    return f"{drawn}{notes}"


def _changes(evidence: Evidence) -> str:
    """Return what is different from the champion: data, code, libraries, parameters, columns."""
    if evidence.other is None:
        params = ", ".join(f"{k} = {v}" for k, v in sorted(evidence.run.inputs.params.items()))
        return pairs(
            [("champion", "none: this is the first run that is judged"), ("parameters", text(params))]
        )
    mine, before = evidence.run.inputs, evidence.other.run.inputs if evidence.other.run else None
    gone = "not known: the champion's record was erased"
    rows = [("data", _data(evidence.raw_changes) if evidence.raw_changes is not None else gone)]
    if before is None:
        return pairs([*rows, ("code, parameters", gone)])
    rows += [
        ("code", _same(mine.code_digest, before.code_digest)),
        ("libraries", _same(mine.lock_digest, before.lock_digest)),
        ("parameters", _parameters(mine.params, before.params)),
        ("columns", _columns(evidence)),
    ]
    return pairs(rows)


def _data(changes: Mapping[str, str]) -> str:
    if not changes:
        return "the same"
    arrivals: dict[str, set[str]] = {}
    for path, change in changes.items():
        parsed = names.parse_raw_path(path)
        arrivals.setdefault(change, set()).add(parsed.arrival if parsed else path)
    said = [
        f"{change} {', '.join(sorted(found)[-_ARRIVALS:])}"
        + (f" and {len(found) - _ARRIVALS} more" if len(found) > _ARRIVALS else "")
        for change, found in sorted(arrivals.items())
    ]
    return text("arrivals " + "; ".join(said))


def _same(mine: str, before: str) -> str:
    return (
        "the same" if mine == before else f"changed, <code>{before[:12]}</code> to <code>{mine[:12]}</code>"
    )


def _parameters(mine: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    differ = [name for name in sorted({*mine, *before}) if mine.get(name) != before.get(name)]
    shown = (f"{name}: {before.get(name, 'none')} → {mine.get(name, 'none')}" for name in differ)
    return text(", ".join(shown)) or "the same"


def _columns(evidence: Evidence) -> str:
    mine, before = evidence.columns
    if before is None:
        return "not known"
    added, removed = sorted(set(mine) - set(before)), sorted(set(before) - set(mine))
    said = [
        *([f"added {', '.join(added)}"] if added else []),
        *([f"removed {', '.join(removed)}"] if removed else []),
    ]
    return text("; ".join(said)) or "the same"


def _commands(evidence: Evidence) -> str:
    name, run_id, other = evidence.spec.name, evidence.run.run_id, evidence.other
    commands = [(f"mlops show {name} {run_id}", "all about this run, with links to its pages")]
    if evidence.decision.verdict.promotes and evidence.policy.asks_for_review:
        commands.append(
            (f"mlops approve {name} {run_id} --comment TEXT", "promotes it, if it waits for review")
        )
        commands.append((f"mlops reject {name} {run_id} --reason TEXT", "ends it without a promotion"))
    if other is not None:
        compared = f"mlops diff {name} {other.commit[:12]} {evidence.commit[:12]}"
        commands.append((compared, "compares it with the champion, rows and metrics"))
    if evidence.decision.verdict.promotes and other is not None:
        back = f"mlops rollback {name} --to {other.champion.number} --reason TEXT"
        commands.append((back, "goes back to the champion before"))
    elif evidence.spec.has_model and not evidence.decision.verdict.promotes:
        asked = f"mlops gate {name} {run_id} --policy FILE"
        commands.append((asked, "asks another policy, without promoting anything"))
    return (
        "<dl>" + "".join(f"<dt><code>{text(c)}</code></dt><dd>{text(d)}</dd>" for c, d in commands) + "</dl>"
    )
