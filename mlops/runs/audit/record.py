"""Checks of the record: tags, the sequence of numbers, rollbacks, protection and the tracker.

All of it can change without a commit, so every audit checks it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mlops.runs import names
from mlops.runs.audit.evaluations import evaluation_findings
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.audit.rollbacks import Rollback, rollback_findings, rollbacks_on_record
from mlops.runs.audit.subject import Lineage
from mlops.runs.audit.tags import (
    decision_findings,
    restored_findings,
    settling_findings,
    squatted_bars,
    squatted_numbers,
    validation_findings,
)
from mlops.runs.audit.tracker import RECONCILE, RESTORE, Witness, tracker_findings
from mlops.runs.main.state import Event, event_of, is_forward, kind_of, read_optional
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.record.findings import Chain, chain_findings
from mlops.runs.record.witnesses import witness_findings
from mlops.runs.records import Kind
from mlops.runs.upkeep.forget import Request, requests

LOST = "find out who deleted the tag; it is kept by the server's own rules"


@dataclass(frozen=True)
class Record:
    """`main` and its tags as they are now.

    Attributes:
        lake: The repository.
        history: The history of `main`, oldest first.
        tags: Tag name to commit id.
    """

    lake: Lake
    history: Sequence[Commit]
    tags: Mapping[str, str]

    @cached_property
    def lineage(self) -> Lineage:
        """Return the lineage of `main`: its history without dropped commits."""
        lineage = Lineage()
        for commit in self.history:
            lineage.add(commit)
        return lineage

    @cached_property
    def events(self) -> list[tuple[Event, Commit]]:
        """Return promotions and forward rollbacks in the history of `main`, oldest first."""
        return [(event, commit) for commit in self.history if (event := event_of(commit)) is not None]

    @cached_property
    def champion(self) -> Commit | None:
        """Return the promotion that `main` is based on."""
        standing = [c for c in self.history if c.id in self.lineage and kind_of(c) is Kind.PROMOTION]
        return standing[-1] if standing else None

    @cached_property
    def rollbacks(self) -> dict[int, Rollback]:
        """Return number to rollback on record."""
        return rollbacks_on_record(self.lake, self.tags)

    @cached_property
    def known(self) -> dict[str, Commit]:
        """Return the commits in the history of `main` and those that recorded rollbacks dropped, by id."""
        dropped = {commit.id: commit for rollback in self.rollbacks.values() for commit in rollback.dropped}
        return dropped | {commit.id: commit for commit in self.history}

    @cached_property
    def revoked_inputs(self) -> dict[str, int]:
        """Return inputs digests (first digits) of dropped runs, each with its first rollback."""
        found: dict[str, int] = {}
        for number, rollback in self.rollbacks.items():
            for run_id in rollback.dropped_runs:
                found.setdefault(run_id[:12], number)
        return found

    @cached_property
    def requests(self) -> dict[str, Request]:
        """Return run id to the recorded erasure request."""
        return requests(self.lake, self.tags)

    @cached_property
    def moved(self) -> dict[str, str]:
        """Return record tags of forgotten runs, each with the commit of the request that they now name."""
        return {tag: request.commit for request in self.requests.values() for tag in request.tags}

    @cached_property
    def own_tags(self) -> dict[str, str]:
        """Return the tags without those that were moved to an erasure request."""
        return {tag: at for tag, at in self.tags.items() if self.moved.get(tag) != at}

    def forgotten(self, run_id: str = "") -> bool:
        """Return whether this run (or, without an argument, any run) was forgotten on request."""
        return run_id in self.requests if run_id else bool(self.requests)


def record_findings(
    ports: Ports, history: Sequence[Commit], witness: Witness | None
) -> Iterator[AuditFinding]:
    """Yield findings about tags, protection and links; ``history`` is that of `main`, oldest first."""
    record = Record(ports.lake, history, ports.lake.tags())
    yield from _main_itself(record)
    yield from _sequence(record)
    yield from _promotions(record)
    yield from rollback_findings(record.lake, record.rollbacks, record.lineage)
    yield from squatted_numbers(record.lake, record.own_tags, record.known, record.rollbacks)
    champion = event_of(record.champion) if record.champion else None
    number = champion.number if champion else 0
    yield from settling_findings(record.own_tags, record.rollbacks, number, history[-1].id)
    yield from squatted_bars(record.lake, record.own_tags, record.rollbacks)
    yield from restored_findings(record.lake, record.own_tags)
    yield from _revoked(record)
    yield from _decisions(record)
    yield from validation_findings(record.lake, record.history, record.tags)
    yield from evaluation_findings(record.lake, record.tags, record.requests)
    yield from _champion(record)
    chain = Chain(record.lake, ports.trust, history, record.tags, record.moved)
    yield from chain_findings(chain)
    yield from witness_findings(ports, chain)
    standing = [commit for commit in history if commit.id in record.lineage]
    yield from tracker_findings(ports, standing, record.known.keys(), witness)


def _main_itself(record: Record) -> Iterator[AuditFinding]:
    head = record.history[-1].id
    if read_optional(record.lake, head, names.ROLLBACK) is not None:
        yield AuditFinding(head, "I13", "a rollback is under way", RECONCILE)
    staged = record.lake.staged(names.MAIN)
    if staged:
        what = f"{len(staged)} changes are staged on main, the first {staged[0].path}"
        yield AuditFinding("", "I13", what, RECONCILE)
    if names.MAIN not in record.lake.protection().patterns:
        yield AuditFinding("", "I3", "main is not protected", RECONCILE)


def _sequence(record: Record) -> Iterator[AuditFinding]:
    """Prove that promotions and rollbacks are numbered from 1 without gaps or repetitions."""
    tagged: dict[int, list[str]] = defaultdict(list)
    for tag in record.tags:
        number = names.event_number(tag)
        if number is not None:
            tagged[number].append(tag)
    on_main = {event.number for event, _ in record.events}
    for number in range(1, max([*tagged, *on_main], default=0) + 1):
        if len(tagged[number]) > 1:
            taken = " and ".join(tagged[number])
            yield AuditFinding("", "I12", f"number {number} is taken twice: {taken}", LOST)
        if not tagged[number] and number not in on_main:
            what = f"number {number} is missing from the record"
            yield AuditFinding("", "I12", what, LOST, proved=not record.forgotten())
    last = 0
    for event, commit in record.events:
        if event.number <= last:
            yield AuditFinding(commit.id, "I12", f"number {event.number} follows {last} on main", RESTORE)
        last = event.number


def _promotions(record: Record) -> Iterator[AuditFinding]:
    """Prove that record tags name the right commits."""
    for event, commit in record.events:
        at = record.tags.get(event.tag)
        if at is None:
            if not record.forgotten(commit.metadata.get("run_id", "-")):
                yield AuditFinding(commit.id, "I12", f"it is not tagged as {event.tag}", RECONCILE)
        elif at != event.commit:
            yield AuditFinding(commit.id, "I12", f"{event.tag} names another commit, {at[:12]}", RESTORE)
    for tag, at in record.own_tags.items():
        if names.is_promotion_tag(tag) and at not in record.known:
            what = f"{tag} is not on main, and no rollback dropped it"
            yield AuditFinding(at, "I12", what, RESTORE)


def _revoked(record: Record) -> Iterator[AuditFinding]:
    """Prove that every dropped run is revoked and not on `main` again."""
    for commit in record.history:
        if commit.id in record.lineage and kind_of(commit) is Kind.PROMOTION:
            yield from _barred(record, commit)
    for number, rollback in record.rollbacks.items():
        for run_id in rollback.dropped_runs:
            if names.revoked_tag(run_id) not in record.tags and not record.forgotten(run_id):
                what = f"rollback {number} dropped run {run_id}, which is not marked as revoked"
                todo = f"create the tag {names.revoked_tag(run_id)}"
                yield AuditFinding(rollback.tagged, "I7", what, todo)


def _barred(record: Record, commit: Commit) -> Iterator[AuditFinding]:
    """Yield reasons why a promotion in the lineage of `main` must not be there."""
    run_id, todo = commit.metadata.get("run_id", ""), "roll back to a promotion before it"
    if names.revoked_tag(run_id) in record.tags:
        what = f"run {run_id} was rolled back, and main is based on it"
        yield AuditFinding(commit.id, "I7", what, todo if _dropped(record, run_id) else RECONCILE)
    if names.rejected_tag(run_id) in record.tags:
        yield AuditFinding(
            commit.id, "I17", f"run {run_id} was rejected on review, and main is based on it", todo
        )
    parts = names.parse_run_id(run_id)
    if parts is None:
        return
    if parts.restored and names.restored_tag(run_id) not in record.tags and not record.forgotten(run_id):
        what = f"no request on record restores old outputs as run {run_id}"
        yield AuditFinding(commit.id, "I7", what, todo)
    event, since = event_of(commit), record.revoked_inputs.get(parts.inputs)
    if not parts.restored and event is not None and since is not None and event.number > since:
        what = f"run {run_id} repeats one that rollback {since} dropped"
        yield AuditFinding(commit.id, "I7", what, todo)


def _dropped(record: Record, run_id: str) -> bool:
    """Return whether a completed rollback dropped a run; one that is under way bars its runs beforehand."""
    for number, rollback in record.rollbacks.items():
        commit = record.known.get(rollback.tagged)
        forward = commit is not None and is_forward(commit)
        if run_id in rollback.dropped_runs and (forward or names.settled_tag(number) in record.tags):
            return True
    return False


def _decisions(record: Record) -> Iterator[AuditFinding]:
    """Prove that tags of decisions name decisions, and that every promotion's decision is among them."""
    promotions = [commit for commit in record.history if kind_of(commit) is Kind.PROMOTION]
    promoted = {commit.metadata.get("evidence_commit") for commit in promotions}
    for tag, at in record.tags.items():
        if names.parse_decision_tag(tag) is not None and tag in record.own_tags:
            yield from decision_findings(record.lake, tag, at, promoted=at in promoted)
    tagged = {at for tag, at in record.tags.items() if names.parse_decision_tag(tag)}
    for commit in promotions:
        run_id, evidence = commit.metadata.get("run_id", ""), commit.metadata.get("evidence_commit")
        if evidence not in tagged and not record.forgotten(run_id):
            yield AuditFinding(commit.id, "I9", "its decision is not on record by a tag", RESTORE)


def _champion(record: Record) -> Iterator[AuditFinding]:
    at = record.tags.get(names.CHAMPION_TAG)
    expected = record.champion.id if record.champion else None
    if at != expected:
        state = f"names {at[:12]}" if at else "is missing"
        yield AuditFinding(at or "", "I11", f"the tag champion {state}", RECONCILE)
