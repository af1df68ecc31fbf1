"""``reconcile``, ``sweep`` and ``forget``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, count, short
from mlops.cli.reasons import checked_reason
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.runs.upkeep.garbage import Collectable


def reconcile(session: Session, pipeline: str) -> Result:
    """Finish what was left undone and bring every cache in line with main."""
    from mlops.runs.upkeep.reconcile import reconcile as bring_in_line
    from mlops.runs.upkeep.tracker_repair import restore_tracker

    workspace = session.workspace(pipeline)
    done = bring_in_line(workspace.ports) + restore_tracker(workspace.ports)
    return Result({"pipeline": pipeline, "done": done}, done or ["nothing to do: all follows from main"])


def sweep(session: Session, pipeline: str, *, yes: bool) -> Result:
    """List the branches that are over and, with ``yes``, remove them."""
    from mlops.runs.upkeep.garbage import becoming_collectable
    from mlops.runs.upkeep.reconcile import reconcile as bring_in_line
    from mlops.runs.upkeep.sweep import survey
    from mlops.runs.upkeep.sweep import sweep as remove

    workspace = session.workspace(pipeline)
    if yes:
        session.tell(f"sweeping repository {workspace.lake.repository} at {workspace.lake.endpoint}")
        bring_in_line(workspace.ports)
    freed = becoming_collectable(workspace.lake, survey(workspace.ports))
    found = remove(workspace.ports, dry_run=not yes)
    over = [entry for entry in found if entry.over]
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "dry_run": not yes,
        "branches": [dataclasses.asdict(entry) for entry in found],
        "collectable": {branch: dataclasses.asdict(one) for branch, one in freed.items()},
    }
    word = "removed" if yes else "would go"
    rows = [(word if entry.over else "stays", entry.branch, entry.why) for entry in found]
    total = f"{count(len(over), 'branch')} {word}, {len(found) - len(over)} stay"
    hint = [f"next: mlops sweep {pipeline} --yes"] if over and not yes else []
    return Result(document, [*columns(rows, indent=""), total, *_freed(freed.values()), *hint])


def _freed(freed: Iterable[Collectable]) -> list[str]:
    """Return what becomes collectable, and what is not known about it."""
    ones = list(freed)
    objects, size_bytes = sum(one.objects for one in ones), sum(one.size_bytes for one in ones)
    if not objects:
        return []
    return [
        f"nothing else leads to {count(objects, 'object')} of {size_bytes:,} bytes there, at most (less if "
        "the server keeps equal content once); they go when it collects its garbage"
    ]


def forget(session: Session, pipeline: str, run_id: str, reason: str) -> Result:
    """Let nothing on record lead to a run's rows, and list what still refers to them."""
    from mlops.runs.upkeep.forget import forget as forget_run
    from mlops.runs.upkeep.reconcile import reconcile as bring_in_line

    reason = checked_reason(reason)
    workspace = session.workspace(pipeline)
    session.tell(f"forgetting run {run_id} of {workspace.lake.repository} at {workspace.lake.endpoint}")
    bring_in_line(workspace.ports)
    done = forget_run(workspace.ports, run_id, reason)
    document = {"pipeline": pipeline, "endpoint": workspace.lake.endpoint, **dataclasses.asdict(done)}
    lines = [
        f"run {run_id} is forgotten; the request is kept at {short(done.commit)}",
        *(f"moved there: {tag}" for tag in done.tags),
        *(f"removed: {branch}" for branch in done.branches),
        *(f"still there: {kept}" for kept in done.kept),
        "commits stay readable by their id until the server collects its garbage",
    ]
    return Result(document, lines)
