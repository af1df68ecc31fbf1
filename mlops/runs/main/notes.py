"""Notes: what somebody decided and main does not show: a signed commit that a tag of its own names."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from mlops.runs import names
from mlops.runs.errors import Conflict, NotFound
from mlops.runs.main.state import MainState
from mlops.runs.ports import Ports
from mlops.runs.record.notes import note_metadata


def keep_note(
    ports: Ports, state: MainState, tag: str, at: str, message: str, metadata: Mapping[str, str]
) -> bool:
    """Make sure that a tag names a commit with this message and metadata; return whether it was made now.

    The commit follows the commit ``at`` and changes nothing. A note that is there already stays as it is.
    """
    lake, message = ports.lake, message[:500]
    if tag in lake.tags(tag):
        return False
    signed = note_metadata(ports, state, tag, at, message, metadata)
    branch = names.note_branch(ports.nonce())
    lake.create_branch(branch, at)
    try:
        lake.create_tag(tag, lake.commit(branch, message, signed, allow_empty=True))
    except Conflict:
        return False  # somebody else was first
    finally:
        with suppress(NotFound):
            lake.delete_branch(branch)
    return True
