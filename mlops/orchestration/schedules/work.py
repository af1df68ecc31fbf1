"""The work of scheduled jobs: audit, sweep, rehearsal and drift, each with a result of one line.

Every one calls the steps that the command of the same name calls. `mlops.orchestration.schedules.declare`
makes the jobs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.errors import InputError, MlopsError, bounded
from mlops.runs.main.state import MainState

if TYPE_CHECKING:
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace

_MOST_LINES = 50


@dataclass(frozen=True)
class Done:
    """The result of a scheduled job.

    Attributes:
        summary: In one line.
        details: Name to value, for the pages of Dagster.
        text: Lines of Markdown; empty for none.
        error: Raised after the result has been recorded; None where all is well.
    """

    summary: str
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""
    error: MlopsError | None = None


Act = Callable[["Workspace", "Settings"], Done]
#: Returns why there is nothing to do; empty where there is.
Idle = Callable[[MainState], str]


def audit(workspace: Workspace, settings: Settings) -> Done:
    """Audit `main` as `mlops audit` does; whatever was found or not proved is an error."""
    from mlops.steps.audit.audit import audit_pipeline, failure

    findings, audited = [], 0
    for step in audit_pipeline(workspace, settings.state_dir):
        findings += step.findings
        audited += step.commit is not None
    proved = sum(finding.proved for finding in findings)
    details = {"audited commits": audited, "findings": proved, "not proved": len(findings) - proved}
    lines = [f"- {f.commit[:12]} {f.invariant}: {bounded(f.what, 300)}" for f in findings[:_MOST_LINES]]
    summary = f"{proved} findings, {len(findings) - proved} not proved" if findings else "nothing found"
    return Done(summary, details, "\n".join(lines), failure(findings))


def sweep(workspace: Workspace, settings: Settings) -> Done:
    """List the branches of completed runs, and remove them where the settings say so."""
    from mlops.runs.upkeep.reconcile import reconcile
    from mlops.runs.upkeep.sweep import sweep as sweep_branches

    removes = settings.schedule_sweep_removes
    if removes:
        reconcile(workspace.ports)
    found = sweep_branches(workspace.ports, dry_run=not removes)
    over = sum(entry.over for entry in found)
    word = "removed" if removes else "would be removed"
    lines = [f"- {entry.branch}: {entry.why}" for entry in found[:_MOST_LINES] if entry.over]
    details = {word: over, "stay": len(found) - over}
    return Done(f"{over} {word}, {len(found) - over} stay", details, "\n".join(lines))


def rehearsal(workspace: Workspace, _settings: Settings) -> Done:
    """Try a rollback on a scratch branch, as `mlops rehearse` does."""
    from mlops.steps.rollback.rehearse import rehearse

    done = rehearse(workspace)
    seconds = sum(done.seconds.values())
    details: dict[str, Any] = {"promotion": done.to_number, "objects": done.objects, "rows": done.rows}
    if done.value is not None:
        details[done.metric] = done.value
    details |= {step: round(taken, 3) for step, taken in done.seconds.items()}
    return Done(f"promotion {done.to_number} in {seconds:.1f} s", details)


def drift(workspace: Workspace, _settings: Settings) -> Done:
    """Compare the newest arrival with the arrivals that the champion was made of."""
    from mlops.steps.arrivals.origins import arrivals_on_main
    from mlops.steps.profiles.arrivals import champion_drifts
    from mlops.steps.profiles.page import drift_page

    newest = arrivals_on_main(workspace.lake, workspace.lake.head(names.MAIN), 1)
    if not newest:
        raise InputError("nothing has arrived yet", where=workspace.spec.name, todo="mlops ingest")
    arrival = str(newest[0]["arrival"])
    drifts = champion_drifts(workspace, arrival)
    columns = [(table, column) for table, found in drifts.items() for column in found.columns]
    drifted = [f"{table}.{column.name}" for table, column in columns if column.drifted]
    pages = (drift_page(found, f"{arrival}: {table}").decode() for table, found in drifts.items())
    details = {"arrival": arrival, "drifted columns": ", ".join(drifted) or "none"}
    return Done(f"{arrival}: {len(drifted)} of {len(columns)} columns drifted", details, "\n".join(pages))


def never(_state: MainState) -> str:
    """Return no reason: there is always something to do."""
    return ""


def without_champion(state: MainState) -> str:
    """Return a reason while nothing has been promoted."""
    return "" if state.champion is not None else "nothing has been promoted yet"


def while_stopped(state: MainState) -> str:
    """Return a reason while promotions are stopped."""
    if state.rollback is not None:
        return "a rollback is under way"
    return "promotions are stopped since a rollback, until `mlops resume`" if state.on_hold else ""
