"""Format what a dump or a restore of a repository moved."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import count

if TYPE_CHECKING:
    from mlops.lake_transfer.dump import Moved


def transfer_result(document: dict[str, Any], moved: Moved, where_to: str) -> Result:
    """Return the result of a transfer; ``where_to`` ends its sentence, e.g. ``dumped to FOLDER``."""
    parts = [
        count(moved.commits, "commit"),
        count(moved.branches, "branch"),
        count(moved.tags, "tag"),
        count(moved.objects, "object"),
    ]
    line = f"{', '.join(parts)}, {moved.size_bytes / 1_000_000:,.1f} MB {where_to}"
    notes = [f"note: {note}" for note in moved.notes]
    return Result({**document, **dataclasses.asdict(moved)}, [line, *notes])
