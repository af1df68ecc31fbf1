"""Witnesses: places outside the lake that keep the newest change of `main`.

The lake's key alone cannot write there. A witness only goes forward: one that has seen a change which the
lake's record does not contain stays as it is, so that the next audit reports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops.runs import names
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.errors import Corrupt, MlopsError
from mlops.runs.main.state import MainState
from mlops.runs.ports import Ports
from mlops.runs.record.checks import SIGNED
from mlops.runs.record.findings import GONE, Chain
from mlops.runs.record.links import Link, chain_head, links_of
from mlops.runs.record.seen import RecordWitness, Seen

REWRITTEN = "find out who rewrote main; the last change that was seen is commit {commit}"
UNREADABLE = "correct the witness or remove it; the next change writes it again"

_SHOWN = 3


def record_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the permanent tags: all except `champion` and `hold`."""
    return {tag: at for tag, at in tags.items() if tag not in {names.CHAMPION_TAG, names.HOLD_TAG}}


def tell_witnesses(ports: Ports, state: MainState) -> list[str]:
    """Store the newest change in every witness; return the names of those that refused."""
    if not ports.witnesses:
        return []
    head = chain_head(ports.lake, ports.trust, state.head, state.tags)
    if head is None:
        return []
    left: list[str] = []
    for witness in ports.witnesses:
        try:
            seen = witness.read()
            if seen is not None and not _precedes(ports, state, seen, head):
                left.append(witness.name)
                continue
            now = Seen(head.sequence, head.sha256, head.commit, _tags(ports, state, witness, seen))
            if seen != now:
                witness.write(now)
        except MlopsError as error:
            ports.tell(f"{witness.name} did not see the newest change: {error}")
            left.append(witness.name)
    return left


def _tags(ports: Ports, state: MainState, witness: RecordWitness, seen: Seen | None) -> dict[str, str]:
    """Return the tags to keep: all that were ever seen, except those moved by an erasure request."""
    if not witness.keeps_tags:
        return {}
    now, before = record_tags(state.tags), dict(seen.tags) if seen else {}
    requests = {at for tag, at in now.items() if tag.startswith("forgotten-")}
    kept = {tag: at for tag, at in before.items() if now.get(tag) not in requests}
    return {**now, **kept}


def _precedes(ports: Ports, state: MainState, seen: Seen, head: Link) -> bool:
    """Return whether the seen change is the newest link or an ancestor of it."""
    if seen.sha256 in {head.sha256, head.previous}:
        return True
    return any(link.sha256 == seen.sha256 for link in links_of(ports.lake, ports.trust, state))


def witness_findings(ports: Ports, chain: Chain) -> Iterator[AuditFinding]:
    """Yield changes and tags that witnesses have seen and the lake's record does not contain."""
    for witness in ports.witnesses:
        try:
            seen = witness.read()
        except Corrupt as error:
            yield AuditFinding("", SIGNED, f"{witness.name} cannot be read: {error.what}", UNREADABLE)
            continue
        except MlopsError as error:
            what = f"{witness.name} cannot be reached: {error.what}"
            yield AuditFinding("", SIGNED, what, error.todo, proved=False)
            continue
        if seen is not None:
            yield from _missing(chain, witness.name, seen)


def _missing(chain: Chain, name: str, seen: Seen) -> Iterator[AuditFinding]:
    if seen.sha256 not in chain.hashes:
        change = f"change {seen.sequence} of main, which the lake's record does not hold"
        what = f"{name} saw {change}: main was rewritten"
        yield AuditFinding(seen.commit, SIGNED, what, REWRITTEN.format(commit=seen.commit))
    moved = [
        tag
        for tag, at in sorted(seen.tags.items())
        if chain.tags.get(tag) != at and chain.moved.get(tag, "-") != chain.tags.get(tag)
    ]
    for tag in moved[:_SHOWN]:
        now = chain.tags.get(tag)
        stands = f"names {now[:12]} now" if now else "is gone"
        what = f"{name} saw the tag {tag} at {seen.tags[tag][:12]}; it {stands}"
        yield AuditFinding("", SIGNED, what, GONE)
    if len(moved) > _SHOWN:
        what = f"{name} saw {len(moved) - _SHOWN} more tags that are gone or moved"
        yield AuditFinding("", SIGNED, what, GONE)
