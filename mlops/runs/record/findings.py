"""Checks of the whole chain: no statement is missing, and every note is signed.

All of it can change without a commit of `main`, so every audit checks it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlops.runs import names
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.json_values import mapping
from mlops.runs.ports import Commit, Lake
from mlops.runs.promotion.step_statements import check_own, step_statement
from mlops.runs.record.changes import tag_counts
from mlops.runs.record.checks import SIGNED
from mlops.runs.record.links import Link, off_main, read_link, trusted_links
from mlops.runs.record.notes import read_note
from mlops.runs.records import Kind
from mlops.runs.statements import Trust

MOVED = "find out who moved main or deleted tags; reset main to the newest commit of the record"
ACT = "find out who made the tag; only the server's administrator can delete it"
GONE = "find out who deleted the tag; it is kept by the server's own rules"
HELD = "find out who deleted the tag hold; `mlops resume --reason …` records that promotions are resumed"

#: Tags of notes, each with a statement of its own.
NOTED = ("restored-", "forgotten-", "writtenoff-", "resumed-", "rejected-")


@dataclass(frozen=True)
class Chain:
    """The record of a repository as it is now.

    Attributes:
        lake: The repository.
        trust: The keys whose signatures count.
        history: The history of `main`, oldest first.
        tags: Tag name to commit id.
        moved: Record tags of forgotten runs, each with the commit of the request that it now names.
    """

    lake: Lake
    trust: Trust | None
    history: Sequence[Commit]
    tags: Mapping[str, str]
    moved: Mapping[str, str]

    @cached_property
    def links(self) -> list[Link]:
        """Return every link, also those of dropped changes, ascending."""
        known = [commit.id for commit in self.history]
        commits = [*self.history, *off_main(self.lake, self.tags, known)]
        return sorted(trusted_links(commits, self.lake.repository, self.trust), key=lambda one: one.sequence)

    @cached_property
    def hashes(self) -> dict[str, int]:
        """Return hash of a statement to its sequence number."""
        return {link.sha256: link.sequence for link in self.links}

    @cached_property
    def by_commit(self) -> dict[str, Link]:
        """Return commit to link."""
        return {link.commit: link for link in self.links}

    def is_adopted(self, tag: str, at: str) -> bool:
        """Return whether a tag named this commit before the first signature."""
        adopted = self.links[0].statement.predicate.get("adopted_tags") if self.links else None
        return mapping(adopted).get(tag) == at


def chain_findings(chain: Chain) -> Iterator[AuditFinding]:
    """Yield findings about the chain and the notes; nothing in a repository without signatures."""
    if not chain.links:
        return
    yield from _sequence(chain)
    yield from _counts(chain)
    yield from _rollbacks(chain)
    yield from _notes(chain)
    yield from _bars(chain)
    yield from _holds(chain)
    yield from _decisions(chain)


def _sequence(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that statements are numbered from 1 without gaps and name the hash of the one before."""
    places: dict[int, list[Link]] = defaultdict(list)
    for link in chain.links:
        places[link.sequence].append(link)
    for sequence, links in places.items():
        if len(links) > 1:
            at = " and ".join(link.commit[:12] for link in links)
            yield AuditFinding(links[1].commit, SIGNED, f"change {sequence} is on record twice: {at}", MOVED)
    before = ""
    for sequence in range(1, max(places) + 1):
        if sequence not in places:
            what = f"change {sequence} of {max(places)} is missing from the signed record"
            yield AuditFinding("", SIGNED, what, MOVED)
            before = None
            continue
        link = places[sequence][0]
        if before is not None and link.previous != before:
            what = f"change {sequence} does not follow change {sequence - 1} of the signed record"
            yield AuditFinding(link.commit, SIGNED, what, MOVED)
        before = link.sha256


def _counts(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that there are at least as many record tags as at each signed change."""
    now = tag_counts(chain.tags)
    most: dict[str, tuple[int, int]] = {}
    for link in chain.links:
        for kind, count in mapping(link.statement.predicate.get("record")).items():
            if isinstance(count, int) and count > most.get(kind, (0, 0))[0]:
                most[kind] = (count, link.sequence)
    for kind, (count, sequence) in sorted(most.items()):
        if now.get(kind, 0) < count:
            left = now.get(kind, 0)
            what = f"{count} tags of the kind {kind} were on record at change {sequence}, {left} are left"
            yield AuditFinding("", SIGNED, what, GONE)


def _rollbacks(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that every rollback is signed: its freeze, or the record of a forward rollback."""
    for tag, at in chain.tags.items():
        if names.is_rollback_tag(tag) and not chain.is_adopted(tag, at):
            why = _unsigned_rollback(chain, at, tag)
            if why:
                yield AuditFinding(
                    at, SIGNED, f"{tag} names a rollback without a valid signature: {why}", ACT
                )


def _unsigned_rollback(chain: Chain, at: str, tag: str = "") -> str:
    """Return the reason why a commit is not a signed rollback; empty where it is one."""
    try:
        commit = chain.lake.commit_of(at)
        if commit.metadata.get("kind") == Kind.ROLLBACK:
            read_link(commit, chain.lake.repository, chain.trust)
        else:
            read_note(commit, chain.lake.repository, chain.trust, tag)
    except (Corrupt, NotFound) as error:
        return error.what
    return ""


def _notes(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that every note is signed for its tag and follows a recorded change."""
    for tag, at in chain.tags.items():
        if not tag.startswith(NOTED) or chain.is_adopted(tag, at):
            continue
        try:
            note = read_note(chain.lake.commit_of(at), chain.lake.repository, chain.trust, tag)
        except (Corrupt, NotFound) as error:
            yield AuditFinding(at, SIGNED, f"{tag} is a note without a valid signature: {error.what}", ACT)
            continue
        after = note.predicate.get("after")
        if after and after not in chain.hashes:
            what = f"{tag} followed a change of main that is missing from the signed record"
            yield AuditFinding(at, SIGNED, what, MOVED)


def _bars(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that runs are revoked, and promotions held, by a signed rollback."""
    for tag, at in chain.tags.items():
        bars = tag == names.HOLD_TAG or names.parse_revoked_tag(tag) is not None
        if not bars or chain.moved.get(tag) == at or chain.is_adopted(tag, at):
            continue
        why = _unsigned_rollback(chain, at)
        if why:
            yield AuditFinding(at, SIGNED, f"{tag} was not set by a signed rollback: {why}", ACT)


def _holds(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that every hold was lifted by a signed note."""
    resumed = [number for tag in chain.tags if (number := names.resumed_number(tag)) is not None]
    promoted = sorted(names.event_number(tag) or 0 for tag in chain.tags if names.is_promotion_tag(tag))
    for tag, at in chain.tags.items():
        number = names.event_number(tag) or 0
        if not names.is_rollback_tag(tag) or chain.is_adopted(tag, at):
            continue
        following = next((other for other in promoted if other > number), None)
        if any(number <= one and (following is None or one < following) for one in resumed):
            continue
        if following is not None:
            what = f"promotion {following} followed rollback {number}, but no signed note lifted its hold"
            yield AuditFinding(at, SIGNED, what, HELD)
        elif names.HOLD_TAG not in chain.tags:
            what = f"the hold of rollback {number} is gone, and no signed note lifted it"
            yield AuditFinding(at, SIGNED, what, HELD)


def _decisions(chain: Chain) -> Iterator[AuditFinding]:
    """Prove that decisions are signed, except those from before the first signature.

    Decisions of promotions on `main` are checked with the promotion.
    """
    promoted = {commit.metadata.get("evidence_commit") for commit in chain.history}
    unsigned = [
        (tag, at, why)
        for tag, at in chain.tags.items()
        if names.parse_decision_tag(tag)
        and at not in promoted
        and chain.moved.get(tag) != at
        and (why := _unsigned_decision(chain, tag, at))
    ]
    older = mapping(chain.links[0].statement.predicate.get("record")).get("decision", 0)
    if len(unsigned) > older:
        for tag, at, why in unsigned:
            yield AuditFinding(at, SIGNED, f"{tag} is a decision without a valid signature: {why}", ACT)


def _unsigned_decision(chain: Chain, tag: str, at: str) -> str:
    """Return the reason why a commit is not a signed decision; empty where it is one or is gone."""
    try:
        commit = chain.lake.commit_of(at)
        sealed = step_statement(commit, chain.trust)
        check_own(chain.lake.repository, commit, sealed)
    except NotFound:
        return ""
    except Corrupt as error:
        return error.what
    named = sealed.statement.predicate.get("decision_tag")
    return "" if named == tag else f"its statement is about {named}"
