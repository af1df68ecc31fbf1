"""Checks of recorded rollbacks: each lists what it dropped, and that was not merged again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit.findings import AuditFinding
from mlops.runs.audit.subject import Lineage
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.main.state import kind_of, lineage, read_json
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Kind, RollbackRecord

AGAIN = "roll back once more: what was dropped is on main again"
UNREADABLE = "it cannot be found out any more what this rollback dropped; note it"


@dataclass(frozen=True)
class Rollback:
    """A rollback on record.

    Attributes:
        tagged: The commit that its tag names.
        record: What it recorded; None where that cannot be read.
        dropped: The commits that it dropped, newest first.
        reached: Whether the target is an ancestor of the head that was left.
    """

    tagged: str
    record: RollbackRecord | None
    dropped: tuple[Commit, ...] = ()
    reached: bool = False

    @property
    def dropped_runs(self) -> tuple[str, ...]:
        """Return the runs whose promotions it dropped, newest first."""
        return tuple(c.metadata.get("run_id", "") for c in self.dropped if kind_of(c) is Kind.PROMOTION)


def rollbacks_on_record(lake: Lake, tags: Mapping[str, str]) -> dict[int, Rollback]:
    """Return number to rollback, ascending."""
    found: dict[int, Rollback] = {}
    for tag, at in sorted(tags.items()):
        number = names.event_number(tag)
        if number is not None and names.is_rollback_tag(tag):
            found[number] = _rollback(lake, at)
    return found


def _rollback(lake: Lake, at: str) -> Rollback:
    try:
        record = RollbackRecord.from_json(read_json(lake, at, names.ROLLBACK))
        dropped: list[Commit] = []
        for commit in lineage(lake, record.from_commit):
            if commit.id == record.to_commit:
                return Rollback(at, record, tuple(dropped), reached=True)
            dropped.append(commit)
    except (Corrupt, NotFound):
        return Rollback(at, None)
    return Rollback(at, record)


def rollback_findings(
    lake: Lake, rollbacks: Mapping[int, Rollback], standing: Lineage
) -> Iterator[AuditFinding]:
    """Yield findings about the rollbacks on record."""
    for number, rollback in rollbacks.items():
        at, record = rollback.tagged, rollback.record
        if record is None:
            yield AuditFinding(at, "I12", f"rollback {number} has no readable record", UNREADABLE)
            continue
        if record.number != number:
            yield AuditFinding(
                at, "I12", f"the record of rollback {number} is that of another rollback", UNREADABLE
            )
        if not rollback.reached:
            what = f"rollback {number} went to {record.to_commit[:12]}, which was not in the history of main"
            yield AuditFinding(at, "I12", what, UNREADABLE)
        if record.dropped_runs != rollback.dropped_runs:
            what = f"rollback {number} does not record the runs it dropped"
            yield AuditFinding(at, "I12", what, UNREADABLE)
        again = [commit for commit in rollback.dropped if commit.id in standing]
        if again and not _is_frozen(lake, at):
            what = f"main is based on {again[0].id[:12]}, which rollback {number} dropped"
            yield AuditFinding(again[0].id, "I7", what, AGAIN)


def _is_frozen(lake: Lake, at: str) -> bool:
    """Return whether this rollback is under way."""
    return lake.head(names.MAIN) == at
