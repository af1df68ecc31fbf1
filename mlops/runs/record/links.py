"""The chain: every change of `main` carries a signed statement with the hash of the one before.

A statement is valid only on the commit that it was made for: it names that commit's parent and the digest
of its message and metadata. So a statement that was copied to another commit is not a link.

After a rollback by reset the newest link is the freeze, which is not on `main` but is named by the tag
``rolledback-<number>``; the dropped changes are its ancestors. All links of a repository are therefore in
the history of `main` and in the histories of these tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import digest_of
from mlops.runs.errors import Corrupt, NotFound, Untrusted
from mlops.runs.main.state import MainState
from mlops.runs.ports import Commit, Lake
from mlops.runs.statements import Sealed, Statement, Trust, open_envelope

#: Predicate type of the statement of a change of `main`.
MAIN_CHANGE = "urn:mlops-lake:main-change:v1"


@dataclass(frozen=True)
class Link:
    """One link of the chain.

    Attributes:
        sequence: Its sequence number, from 1.
        sha256: Hash of its statement.
        previous: Hash of the statement before it; empty for the first.
        commit: The commit that carries it.
        statement: The statement.
        envelope: The signed envelope of the statement.
    """

    sequence: int
    sha256: str
    previous: str
    commit: str
    statement: Statement
    envelope: str


def text_digest(message: str, metadata: Mapping[str, str]) -> str:
    """Return the digest of a commit's message and metadata, without statement and server's keys."""
    said = {
        key: value
        for key, value in metadata.items()
        if key != names.STATEMENT_KEY and not key.startswith(".lakefs.")
    }
    return digest_of({"message": message, "metadata": said})


def read_statement(
    commit: Commit, predicate_type: str, repository: str, trust: Trust | None, follows: str
) -> Sealed:
    """Return the statement of a commit if it was made for this commit with a trusted key.

    Args:
        commit: The commit.
        predicate_type: The expected kind of statement.
        repository: The expected repository.
        trust: The trusted keys; None skips the verification.
        follows: Key of the predicate that names the commit's first parent.

    Raises:
        Untrusted: It is not signed by a trusted key.
        Corrupt: There is none, it cannot be read, or it was made for another commit.
    """
    envelope = commit.metadata.get(names.STATEMENT_KEY)
    if envelope is None:
        raise Corrupt("it has no signed statement")
    sealed = open_envelope(envelope, trust)
    said = sealed.statement.predicate
    if sealed.statement.predicate_type != predicate_type or said.get("repository") != repository:
        raise Corrupt("its statement is about something else")
    if said.get(follows) != (commit.parents[0] if commit.parents else ""):
        raise Corrupt("its statement was made for another place in the history")
    if said.get("text_sha256") != text_digest(commit.message, commit.metadata):
        raise Corrupt("its statement was made for another message or other metadata")
    return sealed


def read_link(commit: Commit, repository: str, trust: Trust | None) -> Link:
    """Return the link of a commit of `main`.

    Raises:
        Untrusted: Its statement is not signed by a trusted key.
        Corrupt: It has none, or one that was made for another commit.
    """
    sealed = read_statement(commit, MAIN_CHANGE, repository, trust, "expected_head")
    sequence, previous = place_of(sealed)
    envelope = commit.metadata[names.STATEMENT_KEY]
    return Link(sequence, sealed.payload_sha256, previous, commit.id, sealed.statement, envelope)


def place_of(sealed: Sealed) -> tuple[int, str]:
    """Return the sequence number and the hash of the statement before, or raise `Corrupt`."""
    sequence = sealed.statement.predicate.get("sequence")
    previous = sealed.statement.predicate.get("previous")
    if not isinstance(sequence, int) or sequence < 1 or not isinstance(previous, str):
        raise Corrupt("its statement has no place in the chain")
    return sequence, previous


def chain_head(lake: Lake, trust: Trust | None, head: str, tags: Mapping[str, str]) -> Link | None:
    """Return the newest link, or None where no change is signed yet.

    Usually two commits are read. Statements without a trusted signature are skipped: the audit reports
    them, and the chain continues from the last trusted one.

    Args:
        lake: The repository.
        trust: The keys whose signatures count.
        head: The head of `main`.
        tags: Tag name to commit id, read after the head.

    Raises:
        Untrusted: There are statements, but none by a trusted key.
    """
    left, target = _newest_rollback(lake, trust, tags)
    untrusted: Untrusted | None = None
    for commit in _newest_first(lake, head):
        try:
            link = read_link(commit, lake.repository, trust)
        except Untrusted as error:
            untrusted = untrusted or error
        except Corrupt:
            pass
        else:
            return max((link, left), key=lambda one: one.sequence) if left else link
        if left is not None and commit.id == target:
            break  # what lies behind it is older than the rollback
    if left is None and untrusted is not None:
        raise untrusted
    return left


def _newest_first(lake: Lake, head: str) -> Iterator[Commit]:
    first = lake.commit_of(head)
    yield first
    if first.parents:
        yield from lake.log(first.parents[0])


def _newest_rollback(lake: Lake, trust: Trust | None, tags: Mapping[str, str]) -> tuple[Link | None, str]:
    """Return the newest link of a rollback by reset, and the commit that it reset `main` to."""
    numbers = sorted(
        (names.event_number(tag) or 0 for tag in tags if names.is_rollback_tag(tag)), reverse=True
    )
    for number in numbers:
        commit = lake.commit_of(tags[names.rollback_tag(number)])
        try:
            return read_link(commit, lake.repository, trust), commit.metadata.get("to_commit", "")
        except Corrupt:
            continue  # one that was made forward is recorded on `main` itself
    return None, ""


def off_main(lake: Lake, tags: Mapping[str, str], known: Iterable[str]) -> Iterator[Commit]:
    """Yield the commits that recorded rollbacks dropped, including their freezes.

    Args:
        lake: The repository.
        tags: Tag name to commit id.
        known: Ids of the commits in the history of `main`.
    """
    seen = set(known)
    for tag, at in sorted(tags.items(), reverse=True):
        if not names.is_rollback_tag(tag) or at in seen:
            continue
        try:
            for commit in lake.log(at):
                if commit.id in seen:
                    break
                seen.add(commit.id)
                yield commit
        except NotFound:
            continue


def trusted_links(commits: Iterable[Commit], repository: str, trust: Trust | None) -> Iterator[Link]:
    """Yield the links among commits in their order; other commits are skipped."""
    for commit in commits:
        if names.STATEMENT_KEY in commit.metadata:
            try:
                yield read_link(commit, repository, trust)
            except Corrupt:
                continue


def links_of(lake: Lake, trust: Trust | None, state: MainState) -> Iterator[Link]:
    """Yield every link of a repository, the newest of `main` first."""
    known: list[str] = []
    for commit in lake.log(state.head):
        known.append(commit.id)
        yield from trusted_links((commit,), lake.repository, trust)
    yield from trusted_links(off_main(lake, state.tags, known), lake.repository, trust)
