"""Arrivals that a rollback dropped: outstanding until they are re-ingested or written off."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.main.notes import keep_note
from mlops.runs.main.state import MainState, kind_of, lineage, read_main, rollbacks
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.records import Kind, RollbackRecord


@dataclass(frozen=True)
class DroppedArrival:
    """A delivery that a rollback took off `main`.

    Attributes:
        path: Its path on `main`.
        checksum: lakeFS's checksum of its content.
        number: The rollback that dropped it.
    """

    path: str
    checksum: str
    number: int

    @property
    def arrival(self) -> str:
        """Return the arrival's name; empty where the path is not that of one."""
        parsed = names.parse_raw_path(self.path)
        return parsed.arrival if parsed else ""


def dropped_arrivals(lake: Lake, state: MainState) -> list[DroppedArrival]:
    """Return every delivery that a rollback dropped, re-ingested or not, by rollback and path."""
    return [entry for record in rollbacks(lake, state) for entry in _dropped(record)]


def _dropped(record: RollbackRecord) -> list[DroppedArrival]:
    rows = sorted(record.dropped_arrivals.items())
    return [DroppedArrival(path, checksum, record.number) for path, checksum in rows]


def outstanding_arrivals(lake: Lake, state: MainState) -> list[DroppedArrival]:
    """Return the deliveries that rollbacks dropped and that were neither re-ingested nor written off.

    Any delivery of the same name after the rollback counts as re-ingested, whatever its content.
    """
    records = rollbacks(lake, state)
    if not any(record.dropped_arrivals for record in records):
        return []
    history = list(lineage(lake, state.head))
    found: list[DroppedArrival] = []
    for record in records:
        brought = _brought_since(history, record, records[-1])
        found += [
            entry
            for entry in _dropped(record)
            if entry.arrival not in brought and not _written_off(state, record.number, entry.arrival)
        ]
    return found


def _written_off(state: MainState, number: int, arrival: str) -> bool:
    return bool(arrival) and names.written_off_tag(number, arrival) in state.tags


def _brought_since(history: list[Commit], record: RollbackRecord, last: RollbackRecord) -> set[str]:
    """Return the arrivals that were ingested to `main` after a rollback.

    `main` continued from the commit that the rollback went back to. If that commit is no longer in its
    history, a later rollback went further back, and dropped everything that was ingested in between.
    """
    ids = [commit.id for commit in history]
    start = record.to_commit if record.to_commit in ids else last.to_commit
    newer = history[: ids.index(start)] if start in ids else history
    return {commit.metadata.get("arrival", "") for commit in newer if kind_of(commit) is Kind.INGEST}


def write_off(ports: Ports, arrival: str, reason: str) -> list[DroppedArrival]:
    """Write off the deliveries of an arrival that rollbacks dropped; return them.

    The decision is kept as a record tag. The arrival can still be ingested with ``again``. A repeated call
    does nothing and returns nothing.

    Raises:
        InputError: No rollback dropped such an arrival, or it was re-ingested.
    """
    names.check_arrival(arrival)
    state = read_main(ports.lake)
    every = outstanding_arrivals(ports.lake, state)
    outstanding = [entry for entry in every if entry.arrival == arrival]
    done = any(_written_off(state, record.number, arrival) for record in rollbacks(ports.lake, state))
    if not outstanding and not done:
        known = sorted({entry.arrival for entry in every})
        raise InputError(
            "no rollback dropped such an arrival, or it was ingested again",
            where=arrival,
            todo=f"outstanding: {', '.join(known) or 'none'}",
        )
    for number in sorted({entry.number for entry in outstanding}):
        metadata = {"kind": "write-off", "arrival": arrival, "rollback": str(number), "reason": reason[:1000]}
        at = state.tags[names.rollback_tag(number)]
        message = f"Write off {arrival}, dropped by rollback {number}: {reason}"
        keep_note(ports, state, names.written_off_tag(number, arrival), at, message, metadata)
    return outstanding
