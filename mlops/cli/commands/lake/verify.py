"""``lake verify`` and ``lake gc``."""

from __future__ import annotations

from pathlib import Path

from mlops.cli.output.results import Result
from mlops.cli.output.text import count
from mlops.cli.session import Session


def verify(session: Session, data: Path | None) -> Result:
    """Look at everything the store holds."""
    from mlops.servers.store_upkeep import verify as look

    problems = look(session.settings, data)
    total = f"{count(len(problems), 'problem')} found" if problems else "every hash and every reference holds"
    return Result({"problems": problems}, [*problems, total], exit_code=1 if problems else 0)


def collect(session: Session, data: Path | None, *, dry_run: bool) -> Result:
    """Remove what nothing refers to."""
    from mlops.servers.store_upkeep import collect as remove

    found = remove(session.settings, data, dry_run=dry_run)
    parts = [
        count(found["commits"], "commit"),
        count(found["nodes"], "tree node"),
        count(found["objects"], "object"),
        count(found["files"], "file"),
    ]
    word = "would go" if dry_run else "removed"
    line = f"{', '.join(parts)} {word}, {found['size_bytes'] / 1_000_000:.1f} MB"
    return Result({"dry_run": dry_run, **found}, [line])
