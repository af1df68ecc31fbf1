"""The identity of a holdout, by which its evaluations are counted, and the number of the next evaluation.

Evaluations are counted by what the holdout is, not by its bytes: a correction or another delivery of the same
period is the same holdout. A holdout that is a period of time is identified by that period. One that is a
share of the keys grows with every arrival; it counts as another one only when it has doubled. One that is a
list of values is identified by the list. Where nothing is held out, every decision is counted together.

Several periods of a rolling origin move on by one with each new period, and most of their rows stay. The
calendar is divided into blocks of as many periods as are held out, and holdouts whose newest period is in the
same block are one holdout: there is a new one only after as many new periods as there are in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mlops.runs import names
from mlops.runs.digest import digest_of
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.evidence import Paired
from mlops.runs.main.state import MainState, parse_json
from mlops.runs.ports import Commit, Judge, Lake, Ports
from mlops.runs.records import HoldoutRule
from mlops.runs.upkeep.forget import requests

#: Metadata key of a decision's commit: the identity of the holdout that it was decided on.
HOLDOUT_KEY = "holdout_id"


@dataclass(frozen=True)
class Evaluations:
    """The recorded evaluations of a holdout.

    Attributes:
        next: Number of the next evaluation, from 1.
        continues: Record tag of the previous evaluation if that was counted under another id; else empty.
    """

    next: int
    continues: str = ""


def identity_of(rule: HoldoutRule, paired: Paired) -> str:
    """Return the identity of the holdout of the evidence, by the rule that selected it.

    Raises:
        Corrupt: The evidence does not say when the holdout begins.
    """
    if rule.kind == "hash":
        by = {"by": list(rule.by)} if rule.by else {}
        doublings = paired.rows.bit_length()
        return digest_of({"kind": "hash", "fraction": rule.fraction, "doublings": doublings, **by})
    if rule.kind == "none":
        return digest_of({"kind": "none"})
    if rule.kind == "keys":
        return digest_of({"kind": "keys", "column": rule.column, "values": sorted(set(rule.values))})
    begins = _period(paired.holdout_from, rule.period)
    if rule.is_rolling:
        block = _ordinal(date.fromisoformat(begins), rule.period) // rule.periods
        told = {"column": rule.column, "period": rule.period, "periods": rule.periods, "block": block}
        return digest_of({"kind": "rolling_origin", **told})
    return digest_of({"kind": "period", "column": rule.column, "period": rule.period, "begins": begins})


def _period(begins: str, period: str) -> str:
    """Return the first day of the period that contains a time, in the time's own offset."""
    try:
        day = datetime.fromisoformat(begins).date()
    except ValueError as error:
        raise Corrupt(f"the holdout begins at {begins!r}, which is no time", where=names.PAIRED) from error
    quarter = day.replace(month=day.month - (day.month - 1) % 3, day=1)
    first = {
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": quarter,
        "year": day.replace(month=1, day=1),
    }
    return first.get(period, day).isoformat()


def _ordinal(first: date, period: str) -> int:
    """Return the number of a period in the calendar, from its first day."""
    return {
        "week": first.toordinal() // 7,
        "month": 12 * first.year + first.month,
        "quarter": 4 * first.year + (first.month - 1) // 3,
        "year": first.year,
    }.get(period, first.toordinal())


def evaluations(ports: Ports, judge: Judge, state: MainState, paired: Paired) -> Evaluations:
    """Return the number of the next evaluation of a holdout.

    Numbers of forgotten runs stay taken. Evaluations that an older version counted by bytes count as well:
    the next number follows the highest of them.
    """
    tags = dict(state.tags) | dict.fromkeys(freed(ports.lake, state.tags), "")
    taken = dataclasses.replace(state, tags=tags)
    number, continues = taken.next_look(paired.identity), ""
    if paired.holdout_id:
        for holdout in _by_bytes(ports.lake, judge, tags, paired.holdout_id):
            following = taken.next_look(holdout)
            if following > number:
                number, continues = following, names.decision_tag(holdout, following - 1)
    return Evaluations(number, continues)


def freed(lake: Lake, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield the record tags of forgotten runs; the numbers in them stay taken."""
    for request in requests(lake, tags).values():
        yield from request.tags


def _by_bytes(lake: Lake, judge: Judge, tags: Mapping[str, str], holdout_id: str) -> Iterator[str]:
    """Yield the ids under which evaluations of this holdout were counted by its bytes."""
    seen: set[str] = set()
    for tag, at in tags.items():
        look = names.parse_decision_tag(tag)
        if look is None or not at or look.holdout in seen or look.holdout == holdout_id[:12]:
            continue
        commit = lake.commit_of(at)
        if HOLDOUT_KEY in commit.metadata:
            seen.add(look.holdout)
        elif (found := _identity_at(lake, judge, commit)) is not None:
            seen.add(look.holdout)
            if found == holdout_id:
                yield look.holdout


def _identity_at(lake: Lake, judge: Judge, commit: Commit) -> str | None:
    """Return the identity of the holdout of a decision that was counted by bytes; None if it is unknown."""
    try:
        paired = Paired.from_json(parse_json(lake.read(commit.id, names.PAIRED), names.PAIRED))
        return judge.holdout_id(commit.id, paired)
    except (Corrupt, NotFound):
        return None  # it was forgotten, or is not a decision
