"""The rules of ``infra/lakefs/*.yaml`` in Python, for the lake in memory.

A test makes the same attempts on this and on servers that run the Lua, so that the two cannot drift apart
unseen. Guards have the names they have there; a guard that is named in ``off`` is not asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, MainMoved, Unlawful
from mlops.runs.ports import Commit
from mlops.runs.record.checks import requires_signatures
from mlops.runs.records import Kind, lawful
from mlops.runs.statements import open_envelope
from tests.support.enforcer_direct import refuse_direct
from tests.support.enforcer_merge import Guard, Merge, is_ancestor, read_json, read_optional
from tests.support.enforcer_promotion import RECORD, read_policy, same_kind, verdict
from tests.support.memory_lake import MemoryLake

__all__ = ["Enforcer", "enforce", "refuse_direct"]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_JUDGES = (names.GATE, names.ACTIONS)


def _expected_head(m: Merge) -> None:
    m.refuse_unless(
        "expected_head" in m.meta, "no expected_head in the merge's metadata; use `mlops approve`"
    )
    if m.meta["expected_head"] != m.head:
        raise MainMoved(f"checked against {m.meta['expected_head'][:12]}, main is at {m.head[:12]}")


def _kind(m: Merge) -> None:
    m.refuse_unless(m.kind in set(Kind), f"kind {m.meta.get('kind')} is none of the five")


def _not_frozen(m: Merge) -> None:
    m.refuse_unless(m.before(names.ROLLBACK) is None, "frozen: a rollback is under way on main")


def _settled(m: Merge) -> None:
    tags, champion = m.lake.tags(), m.before(names.CHAMPION)
    number = (champion["number"] if champion else 0) + 1
    while _is_event(tags, number):
        at = tags.get(names.rollback_tag(number))
        if at is not None and names.settled_tag(number) not in tags:
            record = read_json(m.lake, at, names.ROLLBACK)
            settled = record is None or record.get("forward")
            m.refuse_unless(settled, f"frozen: {names.rollback_tag(number)} is not settled yet")
        number += 1


def _is_event(tags: Mapping[str, str], number: int) -> bool:
    return names.promotion_tag(number) in tags or names.rollback_tag(number) in tags


def _lawful_paths(m: Merge) -> None:
    for path in m.changed:
        fine = lawful(Kind(m.kind), path)
        if m.forward:
            fine = path != names.ROLLBACK and not path.startswith(_JUDGES)
        m.refuse_unless(fine, f"kind {m.kind} may not change {path}")


def _setup(m: Merge) -> None:
    if m.kind == Kind.SETUP:
        m.refuse_unless(read_optional(m.lake, m.head, names.ENFORCER) is None, "main is set up already")


def _policy(m: Merge) -> None:
    if m.kind not in {Kind.POLICY, Kind.SETUP}:
        return
    if m.kind == Kind.POLICY:
        m.refuse_unless(m.meta.get("reason", "").strip(), "a policy commit needs a reason")
    for path in (names.POLICY, names.HOLDOUT_RULE, names.ENFORCER):
        m.refuse_unless(
            read_optional(m.lake, m.commit.id, path) is not None, f"main would be left without {path}"
        )
    for path in (f"{names.ACTIONS}direct.yaml", f"{names.ACTIONS}tags.yaml"):
        m.refuse_unless(m.changed.get(path) != "removed", f"main would be left without {path}")
    for path in m.changed:
        nested = path.startswith(names.ACTIONS) and path.count("/") > 1
        m.refuse_unless(not nested, f"actions lie in no folder of their own: {path}")


def _ingest(m: Merge) -> None:
    if m.kind != Kind.INGEST:
        return
    arrival = m.meta.get("arrival", "")
    m.refuse_unless(re.fullmatch(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}", arrival), "an ingest names its arrival")
    own = re.compile(rf"raw/[a-z][a-z0-9_]{{0,63}}/{re.escape(arrival)}\.parquet")
    for path, how in m.changed.items():
        m.refuse_unless(
            how != "removed" and own.fullmatch(path), f"the ingest of {arrival} may not change {path}"
        )


def _sequence(m: Merge) -> None:
    if m.kind not in {Kind.PROMOTION, Kind.ROLLBACK}:
        return
    text = m.meta.get("number", "")
    m.refuse_unless(_NUMBER.fullmatch(text), "no sequence number")
    number, champion = int(text), m.before(names.CHAMPION)
    last = champion["number"] if champion else 0

    def event(n: int) -> bool:
        return _is_event(m.lake.tags(), n)

    m.refuse_unless(number > last, f"number {number} is not above the champion's, {last}")
    m.refuse_unless(not event(number), f"number {number} is taken")
    m.refuse_unless(number - 1 == last or event(number - 1), f"number {number} leaves out the one before it")


def _freeze(m: Merge) -> None:
    if m.kind != Kind.ROLLBACK or m.forward:
        return
    m.refuse_unless(m.changed.get(names.ROLLBACK) == "added", "a rollback adds rollback.json")
    record, champion = m.after(names.ROLLBACK), m.before(names.CHAMPION)
    m.refuse_unless(champion, "there is no champion to roll back")
    named = (record["number"], record["from_commit"], record["to_commit"])
    same = named == (int(m.meta["number"]), m.head, m.meta.get("to_commit"))
    m.refuse_unless(same, "rollback.json and the merge's metadata name different rollbacks")
    behind = is_ancestor(m.lake, record["to_commit"], m.head)
    m.refuse_unless(behind, "the rollback leads to a commit that is not behind main's head")
    target = read_json(m.lake, record["to_commit"], names.CHAMPION)
    promoted = target and target["number"] == record["to_number"]
    m.refuse_unless(promoted, "the rollback leads to a commit that is not the promotion it names")
    dropped = champion["number"] == target["number"] or champion["run_id"] in record["dropped_runs"]
    m.refuse_unless(dropped, f"the rollback does not revoke run {champion['run_id']}")
    _keep_revoked(m, target)


def _forward(m: Merge) -> None:
    if not m.forward:
        return
    to = m.meta.get("to_commit", "")
    behind = is_ancestor(m.lake, to, m.head)
    m.refuse_unless(behind, "the rollback leads to a commit that is not behind main's head")
    for change in m.lake.diff(to, m.commit.id):
        m.refuse_unless(change.path.startswith(_JUDGES), f"{change.path} is not as it was at {to}")
    champion, target = m.before(names.CHAMPION), m.after(names.CHAMPION)
    m.refuse_unless(champion and target, "there is no champion to roll back")
    if champion["run_id"] != target["run_id"]:
        revoked = names.revoked_tag(champion["run_id"]) in m.lake.tags()
        m.refuse_unless(revoked, f"run {champion['run_id']} is not revoked")
    _keep_revoked(m, target)


def _keep_revoked(m: Merge, target: Mapping[str, str]) -> None:
    run = target["run_id"]
    revoked = names.revoked_tag(run) in m.lake.tags()
    m.refuse_unless(not revoked, f"run {run} was rolled back; it returns through the gate alone")


def _signed(m: Merge) -> None:
    policy = read_optional(m.lake, m.commit.id if m.kind == Kind.SETUP else m.head, names.POLICY)
    required = requires_signatures(policy)
    if names.STATEMENT_KEY not in m.meta:
        m.refuse_unless(not required, "the policy requires a signed statement, and there is none")
        return
    try:
        statement = open_envelope(m.meta[names.STATEMENT_KEY], None).statement
        signed = bool(json.loads(m.meta[names.STATEMENT_KEY])["signatures"])
    except Corrupt as error:
        raise Unlawful(f"the statement cannot be read: {error}") from error
    m.refuse_unless(signed or not required, "the statement cannot be read: not signed")
    said, stated = statement.predicate, {s.name: s.sha256 for s in statement.subjects}
    about = (said["repository"], said["kind"], said["expected_head"], said["number"])
    same = about == (m.lake.repository, m.kind, m.head, int(m.meta.get("number", "0")))
    m.refuse_unless(same, "the statement is about another change")
    for path, how in m.changed.items():
        known = path in stated
        if path in {names.CHAMPION, names.ROLLBACK} or path.startswith(_JUDGES):
            known = known and how != "removed" and sha256(m.lake.read(m.commit.id, path)) == stated[path]
        m.refuse_unless(how == "removed" or known, f"{path} is not what the statement was signed for")
    if _is_event(m.lake.tags(), said["last_number"] + 1):
        raise MainMoved("the statement was signed before the newest promotion or rollback")


CHANGE: dict[str, Guard] = {
    "expected_head": _expected_head,
    "kind": _kind,
    "not_frozen": _not_frozen,
    "settled": _settled,
    "lawful_paths": _lawful_paths,
    "setup": _setup,
    "policy": _policy,
    "ingest": _ingest,
    "sequence": _sequence,
    "freeze": _freeze,
    "forward": _forward,
    "signed": _signed,
}


@dataclass(frozen=True)
class Enforcer:
    """Asks the guards as the shipped actions do; those named in ``off`` are left out."""

    off: frozenset[str] = field(default_factory=frozenset[str])

    def __call__(self, lake: MemoryLake, merge: Commit, source: str) -> None:
        """Refuse a merge as the enforcer does, if the source brings the enforcer at all."""
        if read_optional(lake, source, names.ENFORCER) is None:
            return
        changed = {c.path: c.type for c in lake.diff(merge.parents[0], merge.id)}
        attempt = Merge(lake, merge, changed)
        self._ask(CHANGE, attempt)
        if attempt.kind == Kind.PROMOTION:
            for path in (names.CHAMPION, names.DECISION):
                attempt.refuse_unless(attempt.after(path), f"{path} is missing")
            self._ask(RECORD, attempt)
            self._ask({"verdict": verdict}, attempt)
        elif attempt.kind in {Kind.POLICY, Kind.SETUP} and "verdict" not in self.off:
            same_kind(attempt, read_policy(lake.read(merge.id, names.POLICY)))

    def _ask(self, guards: Mapping[str, Guard], attempt: Merge) -> None:
        for name, guard in guards.items():
            if name not in self.off:
                try:
                    guard(attempt)
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    # A script that comes upon something it cannot work with ends in an error: a refusal too.
                    raise Unlawful(f"{name}: {type(error).__name__}: {error}") from error


enforce = Enforcer()
