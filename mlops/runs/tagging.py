"""Record tags: what a numbered event, a rollback and a hold leave behind, written once and found for ever."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict
from mlops.runs.history import events
from mlops.runs.model import RollbackRecord
from mlops.runs.ports import Lake


def ensure_tag(lake: Lake, tag: str, commit: str, *, anywhere: bool = False) -> bool:
    """Make sure a tag exists at a commit (or, with ``anywhere``, at all); return whether it was created.

    Raises:
        Conflict: It exists at another commit.
    """
    try:
        lake.create_tag(tag, commit)
    except Conflict:
        at = lake.tags(tag).get(tag)
        if at != commit and not anywhere:
            raise
        return False
    return True


def tag_events(lake: Lake, head: str, tags: Mapping[str, str]) -> list[str]:
    """Tag the events in the history of ``head`` that are not tagged yet; return a line for each.

    The oldest comes first, so that whoever finds an event tagged knows that those before it are.
    """
    missing: list[tuple[str, str]] = []
    for event in events(lake, head):
        if tags.get(event.tag) == event.commit:
            break
        missing.append((event.tag, event.commit))
    return [
        f"tagged {commit[:12]} as {tag}" for tag, commit in reversed(missing) if ensure_tag(lake, tag, commit)
    ]


def tag_dropped(lake: Lake, at: str, record: RollbackRecord) -> None:
    """Bar what a rollback drops from coming back, and stop promotions; the tags name the commit ``at``."""
    for run_id in record.dropped_runs:
        ensure_tag(lake, names.revoked_tag(run_id), at, anywhere=True)
    ensure_tag(lake, names.HOLD_TAG, at, anywhere=True)
