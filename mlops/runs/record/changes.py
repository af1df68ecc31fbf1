"""Signed statements about changes of `main`, made before the merge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops.runs import names
from mlops.runs.main.state import MainState
from mlops.runs.ports import Ports
from mlops.runs.record.links import MAIN_CHANGE, chain_head, text_digest
from mlops.runs.records import Kind
from mlops.runs.statements import Statement, seal, subjects_of

#: Record tags are never deleted: of each kind there can only be more.
COUNTED = (
    "decision",
    "revoked",
    "settled",
    "restored",
    "forgotten",
    "writtenoff",
    "resumed",
    "rejected",
)

#: Tags that bear witness to a signed act. When the chain begins, those that are there are taken as they are.
ACTS = ("rolledback-", "revoked-", "hold", "restored-", "forgotten-", "writtenoff-", "resumed-", "rejected-")


@dataclass(frozen=True)
class Proposal:
    """A proposed change of `main`.

    Attributes:
        kind: Which kind of change.
        source: The commit to merge.
        message: Message of the merge.
        digests: Path to SHA-256 of every object that the change adds or replaces.
        metadata: Further metadata of the merge, besides kind and expected head.
        removed: Paths that it removes.
        facts: Further facts for the statement, which replace its empty default values.
    """

    kind: Kind
    source: str
    message: str
    digests: Mapping[str, str]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    removed: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def merge_metadata(ports: Ports, state: MainState, proposal: Proposal) -> dict[str, str]:
    """Return the metadata of the merge of a proposal, with its statement signed if there is a key.

    Args:
        ports: Dependencies.
        state: The state of `main` that everything was checked against.
        proposal: The change.

    Raises:
        Untrusted: `main` has statements, but none by a trusted key.
    """
    who = ports.author().who
    metadata = {
        "kind": str(proposal.kind),
        "expected_head": state.head,
        **({"who": who} if who else {}),
        **proposal.metadata,
    }
    if ports.signer is None:
        return metadata
    predicate = _predicate(ports, state, proposal, metadata)
    statement = Statement(MAIN_CHANGE, subjects_of(proposal.digests), predicate)
    return {**metadata, names.STATEMENT_KEY: seal(ports.signer, statement)}


def _predicate(
    ports: Ports, state: MainState, proposal: Proposal, metadata: Mapping[str, str]
) -> dict[str, Any]:
    before = chain_head(ports.lake, ports.trust, state.head, state.tags)
    author = ports.author()
    number = metadata.get("number", "")
    return {
        "repository": ports.lake.repository,
        "kind": str(proposal.kind),
        "sequence": before.sequence + 1 if before else 1,
        "previous": before.sha256 if before else "",
        "expected_head": state.head,
        "text_sha256": text_digest(proposal.message, metadata),
        "last_number": state.next_number - 1,
        "number": int(number) if number.isdecimal() else 0,
        "run_id": metadata.get("run_id", ""),
        "evidence_commit": metadata.get("evidence_commit", ""),
        "decision_sha256": "",
        "policy_sha256": "",
        "inputs": {},
        "removed": sorted(proposal.removed),
        "who": author.who,
        "code_commit": author.code_commit,
        "code_clean": author.code_clean,
        "at_s": ports.clock.now_s(),
        "reason": metadata.get("reason", ""),
        "record": tag_counts(state.tags),
        **({} if before else _adopted(state)),
        **proposal.facts,
    }


def _adopted(state: MainState) -> dict[str, Any]:
    """Return the unsigned history and notes that the first statement adopts."""
    acts = {tag: at for tag, at in state.tags.items() if tag.startswith(ACTS)}
    return {"adopted_at": state.head, "adopted_tags": acts}


def tag_counts(tags: Mapping[str, str]) -> dict[str, int]:
    """Return how many record tags of each kind there are."""
    counts = {kind: sum(tag.startswith(f"{kind}-") for tag in tags) for kind in COUNTED}
    counts["event"] = sum(names.event_number(tag) is not None for tag in tags)
    return counts
