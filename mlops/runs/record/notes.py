"""Signed notes: acts that change nothing on `main`, each a commit that a tag names."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.errors import Corrupt
from mlops.runs.main.state import MainState
from mlops.runs.ports import Commit, Ports
from mlops.runs.record.links import chain_head, read_statement, text_digest
from mlops.runs.statements import Statement, Trust, seal, subjects_of

#: Predicate type of the statement of a note.
NOTE = "urn:mlops-lake:note:v1"


def note_metadata(
    ports: Ports,
    state: MainState,
    tag: str,
    parent: str,
    message: str,
    metadata: Mapping[str, str],
    digests: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the metadata of the commit of a note, with its statement signed if there is a key.

    Args:
        ports: Dependencies.
        state: The state of `main`.
        tag: The tag that will name the commit; it is the subject of the note.
        parent: The commit that it follows.
        message: Its message.
        metadata: Its content; ``kind`` is the act.
        digests: Path to SHA-256 of the objects that it brings.

    Raises:
        Untrusted: `main` has signed statements, but none by a trusted key.
    """
    who = ports.author().who
    metadata = {**({"who": who} if who else {}), **metadata}
    if ports.signer is None:
        return metadata
    before = chain_head(ports.lake, ports.trust, state.head, state.tags)
    predicate = {
        "repository": ports.lake.repository,
        "act": metadata.get("kind", ""),
        "subject": tag,
        "parent": parent,
        "text_sha256": text_digest(message, metadata),
        "reason": metadata.get("reason", ""),
        "who": who,
        "at_s": ports.clock.now_s(),
        "after": before.sha256 if before else "",
    }
    statement = Statement(NOTE, subjects_of(digests or {}), predicate)
    return {**metadata, names.STATEMENT_KEY: seal(ports.signer, statement)}


def read_note(commit: Commit, repository: str, trust: Trust | None, tag: str = "") -> Statement:
    """Return the statement of a note.

    Args:
        commit: Its commit.
        repository: The repository.
        trust: The keys whose signatures count.
        tag: The tag that names the commit; not checked where empty.

    Raises:
        Untrusted: It is not signed by a trusted key.
        Corrupt: There is no statement, or it was made for another commit or tag.
    """
    statement = read_statement(commit, NOTE, repository, trust, "parent").statement
    if tag and statement.predicate.get("subject") != tag:
        raise Corrupt(f"its statement is about {statement.predicate.get('subject')}")
    return statement
