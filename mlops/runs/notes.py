"""Notes: what somebody decided and main does not show, kept as a commit that a tag of its own names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from mlops.runs import names
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.ports import Ports


def keep_note(ports: Ports, tag: str, at: str, message: str, metadata: Mapping[str, str]) -> bool:
    """Make sure that a tag names a commit with this message and metadata; return whether it was made now.

    The commit follows the commit ``at`` and changes nothing. A note that is there already stays as it is.
    """
    lake = ports.lake
    if tag in lake.tags(tag):
        return False
    branch = names.note_branch(ports.nonce())
    lake.create_branch(branch, at)
    try:
        lake.create_tag(tag, lake.commit(branch, message[:500], metadata, allow_empty=True))
    except Conflict:
        return False  # somebody else was first
    finally:
        with suppress(NotFound):
            lake.delete_branch(branch)
    return True
