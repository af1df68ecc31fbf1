"""Declare and run ``mlops sweep``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import columns, count
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.runs.upkeep.garbage import Collectable
    from mlops.runs.upkeep.sweep import Sweepable
    from mlops.steps.workspace import Workspace

Yes = Annotated[
    bool, typer.Option("--yes", help="Remove the branches; without this option they are only listed.")
]


def sweep(context: typer.Context, pipeline: Pipeline, yes: Yes = False, json: Json = False) -> Result:
    """Remove branches of completed runs."""
    from mlops.runs.upkeep.garbage import becoming_collectable
    from mlops.runs.upkeep.reconcile import reconcile
    from mlops.runs.upkeep.sweep import survey
    from mlops.runs.upkeep.sweep import sweep as sweep_branches

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    if yes:
        session.report(f"sweeping repository {workspace.lake.repository} at {workspace.lake.endpoint}")
        reconcile(workspace.ports)
    freed = becoming_collectable(workspace.lake, survey(workspace.ports))
    found = sweep_branches(workspace.ports, dry_run=not yes)
    return _result(workspace, found, freed, yes=yes)


def _result(
    workspace: Workspace, found: list[Sweepable], freed: dict[str, Collectable], *, yes: bool
) -> Result:
    over = [entry for entry in found if entry.over]
    document = {
        **place_of(workspace),
        "dry_run": not yes,
        "branches": [dataclasses.asdict(entry) for entry in found],
        "collectable": {branch: dataclasses.asdict(one) for branch, one in freed.items()},
    }
    word = "removed" if yes else "would go"
    rows = [(word if entry.over else "stays", entry.branch, entry.why) for entry in found]
    total = f"{count(len(over), 'branch')} {word}, {len(found) - len(over)} stay"
    hint = [f"next: mlops sweep {workspace.spec.name} --yes"] if over and not yes else []
    return Result(document, [*columns(rows, indent=""), total, *_freed(freed.values()), *hint])


def _freed(freed: Iterable[Collectable]) -> list[str]:
    """Return what becomes collectable, and what is not known about it."""
    ones = list(freed)
    objects, size_bytes = sum(one.objects for one in ones), sum(one.size_bytes for one in ones)
    if not objects:
        return []
    return [
        f"nothing else refers to {count(objects, 'object')} of {size_bytes:,} bytes there, at most (less if "
        "the server stores equal content once); its garbage collection removes them"
    ]
