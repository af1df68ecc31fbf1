"""Notes: signed commits, each named by a tag, that record decisions which change nothing on `main`."""

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
    """Create a note and its tag if the tag does not exist; return whether it was created now.

    The commit's parent is ``at`` and it changes nothing. An existing note stays as it is.
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
