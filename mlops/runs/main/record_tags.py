"""Record tags: permanent tags for events, ingests, rollbacks and holds."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.main.state import event_of, kind_of
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Kind, RollbackRecord


def ensure_tag(lake: Lake, tag: str, commit: str, *, anywhere: bool = False) -> bool:
    """Create a tag at a commit if it does not exist; return whether it was created.

    Raises:
        Conflict: It exists at another commit, and ``anywhere`` is not set.
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
    """Tag the untagged events and ingests in the history of ``head``; return a line for each.

    The oldest is tagged first, so that if one is tagged, all earlier ones of its kind are.
    """
    return [
        f"tagged {commit[:12]} as {tag}"
        for tag, commit in untagged(lake, head, tags)
        if ensure_tag(lake, tag, commit)
    ]


def untagged(lake: Lake, head: str, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the missing record tags for the history of ``head``, with their commits, oldest first."""
    missing: list[tuple[str, str]] = []
    sought = {_event_tag, validation_tag}
    for commit in lake.log(head):
        for wanted in tuple(sought):
            found = wanted(commit)
            if found is None:
                continue
            if tags.get(found[0]) == found[1] or (wanted is validation_tag and is_gone(lake, found[1])):
                sought.discard(wanted)
            else:
                missing.append(found)
        if not sought:
            break
    return missing[::-1]


def _event_tag(commit: Commit) -> tuple[str, str] | None:
    event = event_of(commit)
    return (event.tag, event.commit) if event is not None else None


def validation_tag(commit: Commit) -> tuple[str, str] | None:
    """Return the tag that keeps the evidence of an ingest after its branch is removed."""
    evidence = commit.metadata.get("evidence_commit", "")
    if kind_of(commit) is not Kind.INGEST or not names.is_commit_id(evidence):
        return None
    return names.validated_tag(evidence), evidence


def is_gone(lake: Lake, commit: str) -> bool:
    """Return whether a commit was collected as garbage: older versions kept no evidence of ingests."""
    try:
        lake.commit_of(commit)
    except NotFound:
        return True
    return False


def tag_dropped(lake: Lake, at: str, record: RollbackRecord) -> None:
    """Revoke the runs that a rollback drops, and hold promotions; the tags name the commit ``at``."""
    for run_id in record.dropped_runs:
        ensure_tag(lake, names.revoked_tag(run_id), at, anywhere=True)
    ensure_tag(lake, names.HOLD_TAG, at, anywhere=True)
