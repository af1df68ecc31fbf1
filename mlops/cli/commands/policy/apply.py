"""Declare and run ``mlops policy apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.options import Json, Pipeline, Reason, checked_reason
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import short
from mlops.cli.session import Session, check_pipeline
from mlops.runs import names

if TYPE_CHECKING:
    from mlops.steps.workspace import Workspace

_SAME = "nothing to do: main has this gate configuration already"

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


def apply(
    context: typer.Context,
    pipeline: Pipeline,
    reason: Reason = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> Result:
    """Commit policy, suites and enforcer to main.

    They are taken from the installed code. This is the only way to change them on main.
    """
    from mlops.runs.main.policy import apply_policy, differing_files
    from mlops.runs.upkeep.reconcile import reconcile
    from mlops.steps.repository.init_repository import checked_gate_files

    session: Session = context.obj
    text = "" if dry_run else checked_reason(reason)
    check_pipeline(pipeline)
    files = checked_gate_files(pipeline)
    workspace = session.workspace(pipeline)
    if dry_run:
        changed = differing_files(workspace.lake, workspace.lake.head(names.MAIN), files)
        return _result(workspace, None, changed, [f"{path} would change" for path in changed])
    session.report(f"changing the gate configuration of repository {pipeline} at {workspace.lake.endpoint}")
    reconcile(workspace.ports)
    commit, changed = apply_policy(workspace.ports, files, text)
    lines = [f"main: {short(commit)} changes {', '.join(changed)}"] if commit else []
    return _result(workspace, commit, changed, lines)


def _result(workspace: Workspace, commit: str | None, changed: tuple[str, ...], lines: list[str]) -> Result:
    """Return the result; ``commit`` is None for a dry run, and empty if nothing differs."""
    document = {
        **place_of(workspace),
        "dry_run": commit is None,
        "commit": commit or None,
        "changed": list(changed),
    }
    return Result(document, lines or [_SAME])
