"""All about one run: its decision, its inputs, its steps with their times, and what can be done next."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.approval import Approval, approval_of
from mlops.runs.decisions import Decision, Reason
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.listing.runs import Listed, RunState
from mlops.runs.main.state import read_json, read_main
from mlops.runs.promotion.review import Rejection, rejection_of
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.records import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.runs.ports import Commit, Lake
    from mlops.runs.records import RunInputs
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class StepTime:
    """A finished step.

    Attributes:
        step: Its name.
        commit: The commit that finished it.
        at_s: When, Unix seconds.
        elapsed_s: Seconds since the step before it; None where another attempt finished that one, so that
            the time between them is not the time of the step.
    """

    step: str
    commit: str
    at_s: int
    elapsed_s: int | None


@dataclass(frozen=True)
class RunDetails:
    """One run.

    Attributes:
        run: The run in the listing.
        decision: Its decision; None where it has none.
        inputs: Its inputs; None where its record is gone.
        steps: Its finished steps, the first one first.
        links: Name to address of its pages.
        following: Commands that can follow, with what each does.
        approval: Who approved it or overrode its refusal; None where nobody did.
        rejection: Who rejected it on review; None where nobody did.
    """

    run: Listed
    decision: Decision | None
    inputs: RunInputs | None
    steps: tuple[StepTime, ...]
    links: Mapping[str, str]
    following: tuple[tuple[str, str], ...]
    approval: Approval | None = None
    rejection: Rejection | None = None


def details_of(workspace: Workspace, run: Listed) -> RunDetails:
    """Return all about a run, as far as it is on record."""
    lake, decision = workspace.lake, _decision(workspace.lake, run)
    rejected = run.state is RunState.REJECTED
    return RunDetails(
        run,
        decision,
        _inputs(workspace.lake, run),
        tuple(_steps(workspace.lake, run)),
        _links(workspace, run, decision),
        tuple(_following(workspace.spec.name, run, decision)),
        approval_of(lake.commit_of(run.merge_commit).metadata) if run.merge_commit else None,
        rejection_of(lake, read_main(lake), run.run_id) if rejected else None,
    )


def _decision(lake: Lake, run: Listed) -> Decision | None:
    if not run.decided:
        return None
    try:
        return Decision.from_json(read_json(lake, run.commit, names.DECISION))
    except (Corrupt, NotFound):
        return None


def _inputs(lake: Lake, run: Listed) -> RunInputs | None:
    try:
        return run_of(lake.commit_of(run.commit)).inputs
    except (Corrupt, NotFound):
        return None


def _steps(lake: Lake, run: Listed) -> list[StepTime]:
    """Return the steps of a run from the commits of its branch, which its evidence keeps."""
    first: dict[str, Commit] = {}
    fork = run.facts.get("fork", "")
    try:
        for commit in lake.log(run.commit) if fork else ():
            if commit.id == fork:
                break
            if commit.metadata.get("step") in STEPS:
                # A later attempt's opening repeats the step: the oldest commit is the step's own.
                first[commit.metadata["step"]] = commit
    except NotFound:
        return []
    found: list[StepTime] = []
    before: Commit | None = None
    for step in STEPS:
        commit = first.get(step)
        if commit is not None:
            found.append(StepTime(step, commit.id, commit.created_at_s, _elapsed_s(before, commit)))
            before = commit
    return found


def _elapsed_s(before: Commit | None, commit: Commit) -> int | None:
    key = "lease_owner"
    if before is None or before.metadata.get(key) != commit.metadata.get(key):
        return None
    return commit.created_at_s - before.created_at_s


def _links(workspace: Workspace, run: Listed, decision: Decision | None) -> dict[str, str]:
    links, base = workspace.links, decision.compared_to.commit if decision else ""
    if run.state is RunState.FORGOTTEN:
        return {"commit": links.commit(run.commit)}
    pages = {
        "compare": links.compare(base or run.facts.get("fork", names.MAIN), run.merge_commit or run.commit),
        "report": links.report(run.commit) if run.decided else "",
        "commit": links.commit(run.merge_commit or run.commit),
    }
    return {name: address for name, address in pages.items() if address}


def _following(name: str, run: Listed, decision: Decision | None) -> list[tuple[str, str]]:
    """Return what a user most likely wants to do next, as commands."""
    if run.state in {RunState.OPEN, RunState.FAILED}:
        does = (
            "continues it from its last finished step"
            if run.state is RunState.OPEN
            else "tries again after the data or the code was corrected"
        )
        return [(f"mlops run {name}{_typed(run.params)}", does)]
    report = [(f"mlops report {name} {run.run_id}", "shows the verdict with plots")] if decision else []
    return [*report, *_after_end(name, run, decision)]


def _after_end(name: str, run: Listed, decision: Decision | None) -> list[tuple[str, str]]:
    """Return what can follow a run that has ended."""
    if run.state is RunState.WAITING:
        command = f"{name} {run.run_id}"
        return [
            (f"mlops approve {command} --comment TEXT", "promotes it"),
            (f"mlops reject {command} --reason TEXT", "ends it without a promotion"),
        ]
    if run.state is RunState.CHAMPION:
        back = f"mlops rollback {name} --dry-run --reason TEXT"
        return [(back, "shows what going back to the promotion before would change")]
    if run.state is RunState.PROMOTED:
        return [(f"mlops rollback {name} --to {run.number} --reason TEXT", "goes back to it")]
    if run.state is RunState.ROLLED_BACK and run.number:
        return [
            (f"mlops restore {name} {run.number} --reason TEXT", "puts its outputs before the gate again")
        ]
    return _after_refusal(name, run, decision) if run.state is RunState.REFUSED else []


def _typed(params: Mapping[str, Any]) -> str:
    """Return parameters as options of a command in a shell."""
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    return "".join(f" --param {shlex.quote(f'{name}={word}')}" for name, word in sorted(words.items()))


def _after_refusal(name: str, run: Listed, decision: Decision | None) -> list[tuple[str, str]]:
    reasons = {finding.reason for finding in decision.verdict.findings} if decision else set[Reason]()
    if Reason.TOO_FEW_CLUSTERS in reasons or reasons == {Reason.NOT_SIGNIFICANT}:
        return [(f"mlops ingest {name} ARRIVAL", "brings more data, on which the gain may be shown")]
    if Reason.CHAMPION_UNSCORABLE in reasons:
        replace = f"mlops promote {name} {run.run_id} --replace-unscorable --reason TEXT"
        return [(replace, "replaces a champion that cannot be scored")]
    return [(f"mlops run {name} --param NAME=VALUE", "tries other parameters")]
