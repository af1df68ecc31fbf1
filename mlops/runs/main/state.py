"""The state of `main`: its head, its champion, the sequence of events, and the rollbacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops.runs import json_values, names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.ports import Commit, Lake
from mlops.runs.records import Champion, ComparedTo, Kind, RollbackRecord


@dataclass(frozen=True)
class MainState:
    """`main` at one commit, and the record tags as they were read just after.

    Attributes:
        head: The commit that `main` was at.
        champion: The champion there; None before the first promotion.
        champion_sha256: SHA-256 of its ``champion.json``; empty without one.
        rollback: The rollback under way; None if there is none.
        tags: Tag name to commit id.
        last_number: Number of the newest promotion or rollback in `main`'s history; 0 where there is none.
        frozen: The commit by which the rollback under way has stopped `main`; empty without one.
    """

    head: str
    champion: Champion | None
    champion_sha256: str
    rollback: RollbackRecord | None
    tags: Mapping[str, str]
    last_number: int = 0
    frozen: str = ""

    @property
    def on_hold(self) -> bool:
        """Return whether promotions are on hold."""
        return names.HOLD_TAG in self.tags

    @property
    def next_number(self) -> int:
        """Return the next free number in the common sequence of promotions and rollbacks.

        The numbers on `main` itself count too: a merge may have landed before its tag was written. The
        champion's number is not enough: after a forward rollback it is an old one.
        """
        used = [n for n in map(names.event_number, self.tags) if n is not None]
        used.append(self.last_number)
        if self.champion:
            used.append(self.champion.number)
        if self.rollback:
            used.append(self.rollback.number)
        return max(used) + 1

    @property
    def compared_to(self) -> ComparedTo:
        """Return the champion in the form that a decision names it."""
        if self.champion is None:
            return ComparedTo(commit=self.head)
        return ComparedTo(
            number=self.champion.number,
            run_id=self.champion.run_id,
            commit=self.head,
            champion_sha256=self.champion_sha256,
        )

    def is_revoked(self, run_id: str) -> bool:
        """Return whether a run was rolled back."""
        return names.revoked_tag(run_id) in self.tags

    def is_forgotten(self, run_id: str) -> bool:
        """Return whether a run with the same inputs was forgotten on request."""
        parts = names.parse_run_id(run_id)
        return parts is not None and any(
            tag.startswith(names.forgotten_tag(parts.inputs)) for tag in self.tags
        )

    def next_look(self, holdout_digest: str) -> int:
        """Return the number of the next evaluation on a holdout, from 1."""
        looks = [names.parse_decision_tag(tag) for tag in self.tags]
        return max((k.look for k in looks if k and k.holdout == holdout_digest[:12]), default=0) + 1


def read_optional(lake: Lake, ref: str, path: str) -> bytes | None:
    """Return an object's content, or None where the commit has no such object."""
    try:
        return lake.read(ref, path)
    except NotFound:
        return None


def read_json(lake: Lake, ref: str, path: str) -> dict[str, Any]:
    """Return the JSON object at a path.

    Raises:
        Corrupt: It is not a JSON object.
        NotFound: There is none.
    """
    return parse_json(lake.read(ref, path), f"{ref[:12]}:{path}")


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object in ``data``, or raise `Corrupt`."""
    try:
        value = json_values.parse(data)
    except ValueError as error:
        raise Corrupt(f"not JSON: {error}", where=where) from error
    if not isinstance(value, dict):
        raise Corrupt("not a JSON object", where=where)
    return value  # pyright: ignore[reportUnknownVariableType] - the keys of a JSON object are strings


def read_main(lake: Lake) -> MainState:
    """Return `main` as it is now; everything in it is read at one commit, by id."""
    head = lake.head(names.MAIN)
    champion = read_optional(lake, head, names.CHAMPION)
    rollback = read_optional(lake, head, names.ROLLBACK)
    record = RollbackRecord.from_json(parse_json(rollback, names.ROLLBACK)) if rollback else None
    tags = lake.tags()
    last_number = next((event.number for event in events(lake, head)), 0)
    frozen = head if record else ""
    if record is None:
        frozen, record = _unsettled(lake, head, tags, last_number)
    return MainState(
        head=head,
        champion=champion_of(champion, head) if champion is not None else None,
        champion_sha256=sha256(champion) if champion is not None else "",
        rollback=record,
        tags=tags,
        last_number=last_number,
        frozen=frozen,
    )


def _unsettled(
    lake: Lake, head: str, tags: Mapping[str, str], last_number: int
) -> tuple[str, RollbackRecord | None]:
    """Return freeze and record of a rollback that has moved `main` and is not completed.

    It must be the newest event, since nothing is merged before it is completed, and `main` must be at a
    promotion, the target of a reset. Otherwise an older version of this program merged something since.
    """
    number = max((n for n in map(names.event_number, tags) if n is not None), default=0)
    frozen = tags.get(names.rollback_tag(number))
    if frozen is None or number <= last_number or names.settled_tag(number) in tags:
        return "", None
    made, data = lake.commit_of(frozen), read_optional(lake, frozen, names.ROLLBACK)
    if (
        data is None
        or kind_of(made) is not Kind.ROLLBACK
        or kind_of(lake.commit_of(head)) is not Kind.PROMOTION
    ):
        return "", None
    record = RollbackRecord.from_json(parse_json(data, names.ROLLBACK))
    lawful = record.number == number and made.parents == (record.from_commit,) and not record.forward
    return (frozen, record) if lawful else ("", None)


def champion_of(data: bytes, ref: str) -> Champion:
    """Return the champion parsed from the content of a ``champion.json``."""
    where = f"{ref[:12]}:{names.CHAMPION}"
    return Champion.from_json(parse_json(data, where), where=where)


def kind_of(commit: Commit) -> Kind | None:
    """Return the kind of a commit of `main`; None where it is not an allowed kind."""
    try:
        return Kind(commit.metadata.get("kind", ""))
    except ValueError:
        return None


def is_forward(commit: Commit) -> bool:
    """Return whether a commit of `main` is a forward rollback."""
    return kind_of(commit) is Kind.ROLLBACK and commit.metadata.get("forward") == "true"


def lineage(lake: Lake, ref: str) -> Iterator[Commit]:
    """Yield the lineage of ``ref``, newest first: its history without dropped commits.

    The history is that of first parents. A rollback by reset removes the dropped commits from it; a forward
    rollback does not, so the commits between it and its target are left out here.
    """
    resumes_at = ""
    for commit in lake.log(ref):
        if resumes_at not in {"", commit.id}:
            continue
        resumes_at = commit.metadata.get("to_commit", "") if is_forward(commit) else ""
        yield commit


def promotions(lake: Lake, ref: str) -> Iterator[Commit]:
    """Yield the promotions in the lineage of ``ref``, newest first."""
    return (c for c in lineage(lake, ref) if kind_of(c) is Kind.PROMOTION)


@dataclass(frozen=True)
class Event:
    """A numbered commit of `main`, and the tag that keeps it on record.

    Attributes:
        number: Its place in the sequence.
        tag: Name of the record tag.
        commit: The commit that the tag names: the promotion itself, or the record of a rollback.
    """

    number: int
    tag: str
    commit: str


def event_of(commit: Commit) -> Event | None:
    """Return the event of a commit of `main`; None where it has no number in the sequence."""
    text = commit.metadata.get("number", "")
    number = int(text) if text.isdecimal() else 0
    if kind_of(commit) is Kind.PROMOTION:
        return Event(number, names.promotion_tag(number), commit.id)
    if is_forward(commit):
        return Event(number, names.rollback_tag(number), commit.metadata.get("record_commit", ""))
    return None


def events(lake: Lake, ref: str) -> Iterator[Event]:
    """Yield promotions and forward rollbacks in the whole history of ``ref``, newest first."""
    for commit in lake.log(ref):
        event = event_of(commit)
        if event is not None:
            yield event


@dataclass(frozen=True)
class Since:
    """The commits of `main` after a given commit.

    Attributes:
        reached: Whether the commit is in the lineage of `main`; if not, it was dropped.
        commits: The commits after it, newest first; the whole lineage where it was not reached.
    """

    reached: bool
    commits: tuple[Commit, ...]

    @property
    def only_arrivals(self) -> bool:
        """Return whether only raw data was ingested since."""
        return self.reached and all(kind_of(c) is Kind.INGEST for c in self.commits)


def since(lake: Lake, head: str, commit: str) -> Since:
    """Return the commits between ``commit`` and ``head`` in the lineage of `main`."""
    passed: list[Commit] = []
    for entry in lineage(lake, head):
        if entry.id == commit:
            return Since(reached=True, commits=tuple(passed))
        passed.append(entry)
    return Since(reached=False, commits=tuple(passed))


def rollbacks(lake: Lake, state: MainState) -> list[RollbackRecord]:
    """Return the records of all rollbacks, ascending by number."""
    tagged = [(names.event_number(t) or 0, c) for t, c in state.tags.items() if names.is_rollback_tag(t)]
    return [RollbackRecord.from_json(read_json(lake, commit, names.ROLLBACK)) for _, commit in sorted(tagged)]
