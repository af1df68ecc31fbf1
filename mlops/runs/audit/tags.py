"""Checks of every record tag: the commit that it names is the event that its name claims.

Anybody with the key can create a tag, and the protocol relies on these: a taken number stops the sequence, a
false decision tag lowers the error level of the next evaluation, a false revocation bars a run from
promotion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops.runs import names
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.audit.rollbacks import Rollback
from mlops.runs.audit.tracker import RECONCILE
from mlops.runs.decisions import Decision
from mlops.runs.errors import Corrupt, MlopsError, NotFound
from mlops.runs.evidence import Paired
from mlops.runs.main.record_tags import is_gone, untagged, validation_tag
from mlops.runs.main.state import event_of, is_forward, kind_of, read_json
from mlops.runs.ports import Commit, Lake
from mlops.runs.promotion.attempts import run_of
from mlops.runs.promotion.restore import RESTORE_REQUEST
from mlops.runs.records import Kind, RollbackRecord, Step

#: Kind of the commit on which a rollback made forward is recorded.
_RECORD = "rollback-record"

SQUATTED = "find out who made the tag; only the server's administrator can delete it"


def squatted_numbers(
    lake: Lake, tags: Mapping[str, str], known: Mapping[str, Commit], rollbacks: Mapping[int, Rollback]
) -> Iterator[AuditFinding]:
    """Yield event tags whose number is taken by a commit that is not that event.

    Args:
        lake: The repository.
        tags: Tag name to commit id; without those that were moved to a request to forget.
        known: The commits of the history of `main`, and those that rollbacks dropped, by id.
        rollbacks: Number to rollback on record.
    """
    for tag, at in tags.items():
        event = event_of(known[at]) if at in known else None
        if names.is_promotion_tag(tag) and at in known and (event is None or event.tag != tag):
            yield AuditFinding(at, "I12", f"{tag} names a commit that is not that promotion", SQUATTED)
    for number, rollback in rollbacks.items():
        record = rollback.record
        if record is not None and not _made(lake, lake.commit_of(rollback.tagged), record, known, rollbacks):
            tag = names.rollback_tag(number)
            what = f"{tag} names a commit that did not roll back main"
            yield AuditFinding(rollback.tagged, "I12", what, SQUATTED)


def settling_findings(
    tags: Mapping[str, str], rollbacks: Mapping[int, Rollback], champion: int, head: str
) -> Iterator[AuditFinding]:
    """Yield rollbacks that block every merge, and completion tags without a completed rollback.

    Args:
        tags: Tag name to commit id.
        rollbacks: Number to rollback on record.
        champion: Number of the promotion that `main` is based on; 0 without one.
        head: Where `main` is.
    """
    for number, rollback in rollbacks.items():
        reset = rollback.record is not None and not rollback.record.forward
        if reset and number > champion and head != rollback.tagged and names.settled_tag(number) not in tags:
            what = f"rollback {number} is not completed yet, which stops every merge"
            yield AuditFinding(rollback.tagged, "I13", what, RECONCILE)
    for tag, at in tags.items():
        number = names.settled_number(tag)
        if number is not None and (number not in rollbacks or rollbacks[number].tagged != at):
            yield AuditFinding(
                at, "I12", f"{tag} says that a rollback is completed which is not on record", SQUATTED
            )


def _made(
    lake: Lake,
    commit: Commit,
    record: RollbackRecord,
    known: Mapping[str, Commit],
    rollbacks: Mapping[int, Rollback],
) -> bool:
    """Return whether a tagged commit is the freeze of a rollback or the record of a forward rollback."""
    if commit.parents != (record.from_commit,):
        return False
    if not record.forward:
        said = (commit.metadata.get("number"), commit.metadata.get("expected_head"))
        return kind_of(commit) is Kind.ROLLBACK and said == (str(record.number), record.from_commit)
    if commit.metadata.get("kind") != _RECORD:
        return False
    if any(_carried_out(found, commit.id) for found in known.values()):
        return True
    # What came of it was left behind by another such rollback, and both were taken off by a reset.
    left = (other.record.from_commit for other in rollbacks.values() if other.record)
    return any(_carried_out(found, commit.id) for at in left for found in lake.log(at))


def _carried_out(commit: Commit, recorded: str) -> bool:
    return is_forward(commit) and commit.metadata.get("record_commit") == recorded


def squatted_bars(
    lake: Lake, tags: Mapping[str, str], rollbacks: Mapping[int, Rollback]
) -> Iterator[AuditFinding]:
    """Yield revoked runs and holds on promotions that no rollback caused."""
    dropped = {run_id for rollback in rollbacks.values() for run_id in rollback.dropped_runs}
    for tag, at in tags.items():
        run_id = names.parse_revoked_tag(tag)
        if run_id and run_id not in dropped:
            record = _record(lake, at)
            if record is None or run_id not in record.dropped_runs:
                yield AuditFinding(at, "I7", f"{tag} revokes a run that no rollback dropped", SQUATTED)
        if tag == names.HOLD_TAG and _record(lake, at) is None:
            todo = "find out who holds promotions; `mlops resume --reason …` lifts the hold"
            yield AuditFinding(
                at, "I12", "promotions are on hold, although no rollback placed the hold", todo
            )


def _record(lake: Lake, at: str) -> RollbackRecord | None:
    try:
        return RollbackRecord.from_json(read_json(lake, at, names.ROLLBACK))
    except (Corrupt, NotFound):
        return None


def decision_findings(lake: Lake, tag: str, at: str, *, promoted: bool) -> Iterator[AuditFinding]:
    """Yield findings about the tag of a decision.

    Args:
        lake: The repository.
        tag: The tag.
        at: The commit that it names.
        promoted: Whether a promotion on `main` is based on that commit; then its content is checked there.
    """
    try:
        commit = lake.commit_of(at)
    except NotFound:
        yield AuditFinding(at, "I9", f"the commit of {tag} is gone", "note it", proved=False)
        return
    if commit.metadata.get("decision_tag") != tag or not (promoted or _decides(lake, commit, tag)):
        yield AuditFinding(at, "I9", f"{tag} names a commit that is not this decision", SQUATTED)


def _decides(lake: Lake, commit: Commit, tag: str) -> bool:
    """Return whether a commit is the decision of a run with the evaluation number of its tag."""
    try:
        run = run_of(commit)
        decision = Decision.from_json(read_json(lake, commit.id, names.DECISION))
        paired = Paired.from_json(read_json(lake, commit.id, names.PAIRED))
    except (Corrupt, NotFound):
        return False
    named = names.decision_tag(paired.identity, decision.verdict.look)
    return run.step is Step.DECIDED and decision.run_id == run.run_id and named == tag


def validation_findings(
    lake: Lake, history: Sequence[Commit], tags: Mapping[str, str]
) -> Iterator[AuditFinding]:
    """Yield ingests whose evidence no tag keeps, and tags that keep another commit.

    Missing evidence is reported by the check of the ingest itself.
    """
    owed = {tag for tag, _ in untagged(lake, history[-1].id, tags)}
    for commit in history:
        tag, evidence = validation_tag(commit) or ("", "")
        if tag and tag not in tags and (tag in owed or not is_gone(lake, evidence)):
            todo = RECONCILE if tag in owed else f"create the tag {tag} at {evidence}"
            what = "the results of its validation are kept by no tag"
            yield AuditFinding(commit.id, "I14", what, todo, proved=tag in owed)
    for tag, at in tags.items():
        if tag.startswith(names.VALIDATED_TAGS) and tag != names.validated_tag(at):
            yield AuditFinding(at, "I14", f"{tag} names a commit that does not match its name", SQUATTED)


def restored_findings(lake: Lake, tags: Mapping[str, str]) -> Iterator[AuditFinding]:
    """Yield requests to restore old outputs that belong to no run."""
    for tag, at in tags.items():
        run_id = _restored(tag)
        if not run_id:
            continue
        try:
            commit = lake.commit_of(at)
            if commit.metadata.get("kind") == RESTORE_REQUEST:
                commit = lake.commit_of(commit.parents[0])
            run = run_of(commit)
            made = run.run_id == run_id and run.restores > 0
        except MlopsError:
            made = False
        if not made:
            what = f"{tag} names no run that restores old outputs"
            yield AuditFinding(at, "I7", what, SQUATTED)


def _restored(tag: str) -> str:
    prefix = names.restored_tag("")
    return tag.removeprefix(prefix) if tag.startswith(prefix) else ""
