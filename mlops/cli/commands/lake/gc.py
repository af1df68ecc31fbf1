"""Declare and run ``mlops lake gc``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json, StoreFolder
from mlops.cli.output.results import Result
from mlops.cli.output.text import count
from mlops.cli.session import Session

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")]


def gc(
    context: typer.Context, data: StoreFolder = None, dry_run: DryRun = False, json: Json = False
) -> Result:
    """Remove everything from the store that nothing refers to.

    Everything that a branch, a tag or an uncommitted object refers to is kept.
    """
    from mlops.servers.store_upkeep import collect

    session: Session = context.obj
    found = collect(session.settings, data, dry_run=dry_run)
    parts = [
        count(found["commits"], "commit"),
        count(found["nodes"], "tree node"),
        count(found["objects"], "object"),
        count(found["files"], "file"),
    ]
    word = "would go" if dry_run else "removed"
    line = f"{', '.join(parts)} {word}, {found['size_bytes'] / 1_000_000:.1f} MB"
    return Result({"dry_run": dry_run, **found}, [line])
