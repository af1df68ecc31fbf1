"""Record tags: what an event, an ingest, a rollback and a hold leave behind, written once and kept."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.main.state import event_of, kind_of
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Kind, RollbackRecord


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
    """Tag the events and ingests in the history of ``head`` that are not tagged yet; return a line for each.

    The oldest comes first, so that whoever finds one tagged knows that those of its sort before it are.
    """
    return [
        f"tagged {commit[:12]} as {tag}"
        for tag, commit in untagged(lake, head, tags)
        if ensure_tag(lake, tag, commit)
    ]


def untagged(lake: Lake, head: str, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the record tags that the history of ``head`` lacks, with the commits to name, oldest first."""
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
    """Return the tag that an ingest's evidence is kept by: else it is gone once its branch is."""
    evidence = commit.metadata.get("evidence_commit", "")
    if kind_of(commit) is not Kind.INGEST or not names.is_commit_id(evidence):
        return None
    return names.validated_tag(evidence), evidence


def is_gone(lake: Lake, commit: str) -> bool:
    """Tell whether a commit was collected: older versions of this program kept no evidence of ingests."""
    try:
        lake.commit_of(commit)
    except NotFound:
        return True
    return False


def tag_dropped(lake: Lake, at: str, record: RollbackRecord) -> None:
    """Bar what a rollback drops from coming back, and stop promotions; the tags name the commit ``at``."""
    for run_id in record.dropped_runs:
        ensure_tag(lake, names.revoked_tag(run_id), at, anywhere=True)
    ensure_tag(lake, names.HOLD_TAG, at, anywhere=True)
