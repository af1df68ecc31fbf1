"""Audit of the numbers of evaluations of a holdout: from 1 on, each used once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from mlops.runs import names
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.audit.tags import SQUATTED
from mlops.runs.decisions import Decision
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.gate.holdouts import HOLDOUT_KEY
from mlops.runs.main.state import read_json
from mlops.runs.ports import Lake
from mlops.runs.upkeep.forget import Request

LOST = "find out who deleted the tag; the server's own rules keep it"


def evaluation_findings(
    lake: Lake, tags: Mapping[str, str], requests: Mapping[str, Request]
) -> Iterator[AuditFinding]:
    """Yield evaluation numbers that are missing or used twice, and erasure tags without a request.

    Args:
        lake: The repository.
        tags: Tag name to commit id.
        requests: Run id to the request on record to forget it.
    """
    freed = {tag: request for request in requests.values() for tag in request.tags}
    yield from _not_requested(tags, requests)
    yield from _given_again(tags, freed)
    looks: dict[str, set[int]] = defaultdict(set)
    for tag in {**tags, **freed}:
        look = names.parse_decision_tag(tag)
        if look is not None:
            looks[look.holdout].add(look.look)
    for holdout, seen in looks.items():
        first = min(seen) if _continues(lake, {**freed, **tags}, holdout, min(seen)) else 1
        missing = sorted(set(range(first, max(seen) + 1)) - seen)
        if missing:
            what = f"evaluation {missing[0]} of holdout {holdout} is missing from the record"
            yield AuditFinding("", "I9", what, LOST)


def _not_requested(tags: Mapping[str, str], requests: Mapping[str, Request]) -> Iterator[AuditFinding]:
    prefix = names.forgotten_tag("")
    for tag, at in tags.items():
        if tag.startswith(prefix) and tag.removeprefix(prefix) not in requests:
            what = f"{tag} names no request to forget that run, so it frees none of its record tags"
            yield AuditFinding(at, "I9", what, SQUATTED)


def _given_again(tags: Mapping[str, str], freed: Mapping[str, Request]) -> Iterator[AuditFinding]:
    for tag, request in freed.items():
        at = tags.get(tag)
        again = f"run `mlops forget` for {request.run_id} again to finish it"
        if at is None:
            what = f"{tag} of the forgotten run {request.run_id} is not kept at its request"
            yield AuditFinding(request.commit, "I9", what, again, proved=False)
        elif names.parse_decision_tag(tag) and at not in {request.commit, *request.evidence}:
            what = f"{tag} was freed by forgetting run {request.run_id}, and given again"
            yield AuditFinding(at, "I9", what, SQUATTED)


def _continues(lake: Lake, tags: Mapping[str, object], holdout: str, first: int) -> bool:
    """Return whether the first evaluation counted by identity continues one that was counted by bytes."""
    if first == 1:
        return True
    at = tags.get(names.decision_tag(holdout, first))
    if not isinstance(at, str):
        return True  # its run was forgotten: nobody can tell any more
    try:
        before = Decision.from_json(read_json(lake, at, names.DECISION)).continues
        parsed, earlier = names.parse_decision_tag(before), tags.get(before)
        by_bytes = isinstance(earlier, Request) or HOLDOUT_KEY not in lake.commit_of(str(earlier)).metadata
    except NotFound:
        return isinstance(tags.get(names.decision_tag(holdout, first)), str) and _is_note(lake, at)
    except Corrupt:
        return False
    return parsed is not None and parsed.look == first - 1 and earlier is not None and by_bytes


def _is_note(lake: Lake, at: str) -> bool:
    try:
        return lake.commit_of(at).metadata.get("kind") == "forgotten"
    except NotFound:
        return False
