"""``reconcile`` and ``sweep``."""

from __future__ import annotations

import dataclasses

from mlops.cli.results import Result
from mlops.cli.session import Session
from mlops.cli.text import columns, count


def reconcile(session: Session, pipeline: str) -> Result:
    """Finish what was left undone and bring every cache in line with main."""
    from mlops.runs.reconcile import reconcile as bring_in_line

    workspace = session.workspace(pipeline)
    done = bring_in_line(workspace.ports)
    return Result({"pipeline": pipeline, "done": done}, done or ["nothing to do: all follows from main"])


def sweep(session: Session, pipeline: str, *, yes: bool) -> Result:
    """List the branches that are over and, with ``yes``, remove them."""
    from mlops.runs.janitor import sweep as remove
    from mlops.runs.reconcile import reconcile as bring_in_line

    workspace = session.workspace(pipeline)
    if yes:
        session.tell(f"sweeping repository {workspace.lake.repository} at {workspace.lake.endpoint}")
        bring_in_line(workspace.ports)
    found = remove(workspace.ports, dry_run=not yes)
    over = [entry for entry in found if entry.over]
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "dry_run": not yes,
        "branches": [dataclasses.asdict(entry) for entry in found],
    }
    word = "removed" if yes else "would go"
    rows = [(word if entry.over else "stays", entry.branch, entry.why) for entry in found]
    total = f"{count(len(over), 'branch')} {word}, {len(found) - len(over)} stay"
    hint = [f"next: mlops sweep {pipeline} --yes"] if over and not yes else []
    return Result(document, [*columns(rows, indent=""), total, *hint])
