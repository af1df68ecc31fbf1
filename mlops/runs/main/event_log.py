"""List the promotions and rollbacks of a repository, from its record tags and the history of `main`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.approval import Approval, approval_of
from mlops.runs.decisions import Decision
from mlops.runs.main.state import champion_of, lineage, read_json, read_main, read_optional
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Champion, RollbackRecord


@dataclass(frozen=True)
class Promoted:
    """A promotion on record.

    Attributes:
        number: Its number.
        commit: Its commit.
        at_s: When it was merged, Unix seconds.
        champion: The champion that it brought.
        decision: Why it was promoted.
        on_main: Whether it is in the history of `main`; False if a rollback dropped it.
        who: Who promoted it; empty where the record is older than that.
        approval: Who approved it or overrode its refusal; None where nobody was asked.
    """

    number: int
    commit: str
    at_s: int
    champion: Champion
    decision: Decision
    on_main: bool
    who: str = ""
    approval: Approval | None = None


@dataclass(frozen=True)
class RolledBack:
    """A rollback on record; its record has the time and the reason, ``who`` is who asked for it."""

    number: int
    record: RollbackRecord
    who: str = ""


@dataclass(frozen=True)
class Forgotten:
    """A promotion whose run was forgotten on request.

    Attributes:
        number: Its number.
        commit: The commit that keeps the request.
        at_s: When it was forgotten, Unix seconds.
        run_id: The run.
        reason: Why it was forgotten.
    """

    number: int
    commit: str
    at_s: int
    run_id: str
    reason: str


Event = Promoted | RolledBack | Forgotten


def read_event_log(lake: Lake, limit: int) -> tuple[list[Event], int]:
    """Return the newest events, newest first, and how many older ones there are.

    Args:
        lake: The repository.
        limit: How many events are returned at most.
    """
    state = read_main(lake)
    on_main = {commit.id: commit for commit in lineage(lake, state.head)}
    recorded = _recorded(state.tags, on_main)
    events = [
        _rollback(lake, number, commit)
        if names.is_rollback_tag(tag)
        else _promotion(lake, number, commit, on_main=commit in on_main)
        for number, tag, commit in recorded[:limit]
    ]
    return events, max(0, len(recorded) - limit)


def _recorded(tags: Mapping[str, str], on_main: Mapping[str, Commit]) -> list[tuple[int, str, str]]:
    """Return number, tag and commit of every event, newest first; a merge counts before it is tagged."""
    found = {tag: commit for tag, commit in tags.items() if names.event_number(tag) is not None}
    for commit in on_main.values():
        if commit.metadata.get("kind") == "promotion":
            found.setdefault(names.promotion_tag(int(commit.metadata["number"])), commit.id)
    rows = [(names.event_number(tag) or 0, tag, commit) for tag, commit in found.items()]
    return sorted(rows, reverse=True)


def _promotion(lake: Lake, number: int, commit: str, *, on_main: bool) -> Promoted | Forgotten:
    data, merged = read_optional(lake, commit, names.CHAMPION), lake.commit_of(commit)
    if data is None:
        about = merged.metadata
        return Forgotten(
            number, commit, merged.created_at_s, about.get("forgotten_run", ""), about.get("reason", "")
        )
    decision = Decision.from_json(read_json(lake, commit, names.DECISION))
    return Promoted(
        number,
        commit,
        merged.created_at_s,
        champion_of(data, commit),
        decision,
        on_main,
        merged.metadata.get("who", ""),
        approval_of(merged.metadata),
    )


def _rollback(lake: Lake, number: int, frozen: str) -> RolledBack:
    record = RollbackRecord.from_json(read_json(lake, frozen, names.ROLLBACK))
    return RolledBack(number, record, lake.commit_of(frozen).metadata.get("who", ""))
