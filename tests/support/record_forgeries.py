"""Forgeries of the record of main by somebody with the lake's key, and without the key that signs.

Each takes a world in which two promotions, a rollback and a resume are on record, and returns nothing; the
lines that the audit must print then are beside it. The forger may do everything that a server's key allows:
commits with any metadata, `main` moved without protection, tags, actions left out of what is merged.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import canonical, document
from mlops.runs.main.state import read_json
from mlops.runs.ports import Lake
from mlops.runs.records import RollbackRecord
from mlops.runs.rollback.rollback import freeze, plan_rollback, rollback
from tests.support.protocol import World
from tests.support.record_tampering import (
    FORGER,
    RAW,
    STATEMENT,
    made,
    move_main,
    newest,
    own_signature,
    put,
    resigned,
    without_key,
)

# --- changes of main


def unsigned_ingest(world: World) -> None:
    without_key(world).arrive("2013-10")


def unsigned_promotion(world: World) -> None:
    without_key(world).run(mae=9.0)


def unsigned_rollback(world: World) -> None:
    other = without_key(world)
    plan = plan_rollback(other.ports, "by hand", 1)
    assert plan is not None
    other.lake.create_tag(names.rollback_tag(plan.record.number), freeze(other.ports, plan))
    move_main(other.lake, plan.record.to_commit)
    frozen = other.lake.tags()[names.rollback_tag(plan.record.number)]
    other.lake.create_tag(names.settled_tag(plan.record.number), frozen)


def unsigned_rollback_forward(world: World) -> None:
    rollback(without_key(world).ports, "by hand", 1, forward=True)


def copied_promotion(world: World) -> None:
    """All metadata of an old promotion, its statement included, on another model."""
    meta = newest(world).metadata
    put(world, {**meta, "expected_head": world.lake.head(names.MAIN)}, {"model/mae": b"1.0"})


def copied_ingest(world: World) -> None:
    old = next(c for c in world.lake.log(names.MAIN) if c.metadata.get("kind") == "ingest")
    put(world, old.metadata, {RAW: b"nobody looked"}, message=old.message)


def another_head(world: World) -> None:
    """The statement with the right subjects, of the same change made elsewhere."""
    commit = newest(world)
    files = {path: world.lake.read(commit.id, path) for path in _held(world.lake, commit.id)}
    elsewhere = next(c for c in world.lake.log(commit.parents[0]) if c.id != commit.parents[0])
    put(world, commit.metadata, files, onto=elsewhere.id, message=commit.message)


def other_content(world: World) -> None:
    """The same head, the same metadata, and another model."""
    commit = world.lake.commit_of(world.lake.head(names.MAIN))
    put(world, commit.metadata, {RAW: b"nobody looked"}, onto=commit.parents[0], message=commit.message)


def another_repository(world: World) -> None:
    head = world.lake.head(names.MAIN)
    meta = world.lake.commit_of(head).metadata
    said = own_signature(resigned(meta[STATEMENT], repository="another", expected_head=head))
    put(world, {**meta, "expected_head": head, STATEMENT: said}, {RAW: b"nobody looked"})


def swapped_signature(world: World) -> None:
    """A statement about this very change, with the signature of another."""
    head = world.lake.head(names.MAIN)
    meta = world.lake.commit_of(head).metadata
    said = resigned(meta[STATEMENT], expected_head=head, sequence=99)
    put(world, {**meta, "expected_head": head, STATEMENT: said}, {RAW: b"nobody looked"})


def own_key(world: World) -> None:
    """Everything as the commands do it, signed by a key that nobody trusts."""
    forger = dataclasses.replace(world.ports, signer=FORGER, witnesses=())
    dataclasses.replace(world, ports=forger).arrive("2013-10")


def stripped(world: World) -> None:
    head = world.lake.head(names.MAIN)
    meta = world.lake.commit_of(head).metadata
    value = {**json.loads(meta[STATEMENT]), "signatures": []}
    put(world, {**meta, STATEMENT: canonical(value).decode()}, {RAW: b"nobody looked"})


def garbled(world: World) -> None:
    put(world, {"kind": "ingest", STATEMENT: "{}"}, {RAW: b"nobody looked"})


def reworded(world: World) -> None:
    """A genuine ingest, made again with another source."""
    commit = world.lake.commit_of(world.lake.head(names.MAIN))
    files = {path: world.lake.read(commit.id, path) for path in _held(world.lake, commit.id)}
    meta = {**commit.metadata, "source": "somebody else"}
    put(world, meta, files, onto=commit.parents[0], message=commit.message)


def _held(lake: Lake, commit: str) -> list[str]:
    return [stat.path for stat in lake.list(commit)]


# --- what judges


def eased_and_restored(world: World) -> None:
    """A policy without a bar, a promotion that it lets pass, and the old policy again."""
    lake, head = world.lake, world.lake.head(names.MAIN)
    policy = lake.read(head, names.POLICY)
    for data in (policy + b"alpha: 0.5\n", policy):
        policy_by_hand(world, {names.POLICY: data})


def policy_by_hand(world: World, files: Mapping[str, bytes]) -> str:
    """Merge a policy commit that no server refuses, with every word it needs but no signature."""
    lake, head = world.lake, world.lake.head(names.MAIN)
    return lake.merge(
        made(world, {}, files),
        names.MAIN,
        "by hand",
        {"kind": "policy", "expected_head": head, "reason": "urgent"},
    )


def emptied_enforcer(world: World) -> None:
    policy_by_hand(world, {names.ENFORCER: b"name: nothing\non: {pre-merge: {branches: [x]}}\nhooks: []\n"})


def removed_guards(world: World) -> None:
    lake, branch = world.lake, f"forged-{world.ports.nonce()}"
    lake.create_branch(branch, lake.head(names.MAIN))
    lake.remove(branch, [f"{names.ACTIONS}direct.yaml", f"{names.ACTIONS}tags.yaml"])
    metadata = {"kind": "policy", "expected_head": lake.head(names.MAIN), "reason": "urgent"}
    lake.merge(lake.commit(branch, "remove", {}), names.MAIN, "by hand", metadata)


# --- tags


def _tag(name: Callable[[World], str], at: Callable[[World], str]) -> Callable[[World], None]:
    return lambda world: world.lake.create_tag(name(world), at(world))


def _delete(name: Callable[[World], str]) -> Callable[[World], None]:
    return lambda world: world.lake.delete_tag(name(world))


def _head(world: World) -> str:
    return world.lake.head(names.MAIN)


def _newest_run(world: World) -> str:
    return newest(world).metadata["run_id"]


def _barred_by_hand(world: World) -> str:
    """Return a commit that looks like the freeze of a rollback."""
    record = RollbackRecord(9, _head(world), _head(world), 1, "by hand", (_newest_run(world),), {}, 0)
    return made(world, {"kind": "rollback"}, {names.ROLLBACK: document(record.to_json())})


def _copied_note(world: World) -> str:
    return world.lake.tags()["resumed-000003"]


def _copied_decision(world: World) -> str:
    """Return a commit with all that a genuine decision says, but for its tag."""
    tags = world.lake.tags()
    old = world.lake.commit_of(next(at for tag, at in tags.items() if names.parse_decision_tag(tag)))
    return made(world, {**old.metadata, "decision_tag": f"decision-{'a' * 12}-4"}, onto=old.parents[0])


def hold_deleted(world: World) -> None:
    world.roll_back(1)
    world.lake.delete_tag(names.HOLD_TAG)


def forgotten_by_hand(world: World) -> None:
    """A request that nobody signed, and a decision's tag that goes by it."""
    lake, run_id = world.lake, "0" * 12
    tags = [tag for tag in lake.tags() if names.parse_decision_tag(tag)]
    request = {"run_id": run_id, "tags": tags[:1], "evidence": [], "reason": "x", "requested_at_s": 0}
    lake.create_tag(f"forgotten-{run_id}", made(world, {}, {"forgotten.json": document(request)}))


# --- the whole record


def reset_with_all_traces(world: World) -> None:
    """Main at its first promotion, and every tag gone that came after it."""
    lake = world.lake
    first = lake.tags()["promotion-000001"]
    decided = read_json(lake, first, names.CHAMPION)["evidence_commit"]
    move_main(lake, first)
    for tag, at in lake.tags().items():
        if tag != "promotion-000001" and at not in {first, decided}:
            lake.delete_tag(tag)


def truncated(world: World) -> None:
    """Main one change back, which was an ingest: no tag tells of it."""
    move_main(world.lake, world.lake.commit_of(_head(world)).parents[0])


@dataclass(frozen=True)
class Forgery:
    """One forgery.

    Attributes:
        forge: Does it.
        line: The line of the audit that names it, as a pattern.
        refused: What a server says that runs the shipped actions; empty where it cannot refuse.
    """

    forge: Callable[[World], object]
    line: str
    refused: str = ""


_UNSIGNED = "I16: it has no signed statement, but earlier changes have one"
_ELSEWHERE = "I16: its statement was made for another place in the history"
_REWORDED = "I16: its statement was made for another message or other metadata"
_NOBODY = "I16: {} is a note without a valid signature: it has no signed statement"

RECORD_FORGERIES: dict[str, Forgery] = {
    "an unsigned ingest": Forgery(unsigned_ingest, _UNSIGNED),
    "an unsigned promotion": Forgery(unsigned_promotion, _UNSIGNED),
    "an unsigned rollback": Forgery(
        unsigned_rollback,
        "I16: rolledback-00000[0-9] names a rollback without a valid signature: it has no .*",
    ),
    "an unsigned rollback forward": Forgery(unsigned_rollback_forward, _UNSIGNED),
    "metadata of an old promotion": Forgery(copied_promotion, _ELSEWHERE),
    "metadata of an old ingest": Forgery(copied_ingest, _ELSEWHERE),
    "a change on another head": Forgery(another_head, _ELSEWHERE),
    "other content under a genuine statement": Forgery(
        other_content, f"I16: differs from its signed statement: {RAW}"
    ),
    "a statement of another repository": Forgery(another_repository, "I16: a statement is not signed by .*"),
    "the signature of another statement": Forgery(
        swapped_signature, "I16: a statement is not signed by a trusted key, only by [0-9a-f]{12}"
    ),
    "a key that nobody trusts": Forgery(
        own_key, f"I16: a statement is not signed by a trusted key, only by {FORGER.key_id[:12]}"
    ),
    "a statement without signature": Forgery(
        stripped, "I16: a statement is not signed by a trusted key, by nobody"
    ),
    "a statement that is none": Forgery(garbled, "I16: not a signed statement: 'payloadType'"),
    "other metadata under a genuine statement": Forgery(reworded, _REWORDED),
    "a policy eased and restored": Forgery(eased_and_restored, _UNSIGNED),
    "an emptied enforcer": Forgery(emptied_enforcer, _UNSIGNED),
    "guards of tags and main removed": Forgery(
        removed_guards, "I10: it left main without _lakefs_actions/direct.yaml", "left without"
    ),
    "a hold deleted": Forgery(
        hold_deleted,
        "I16: the hold of rollback [0-9] is gone, and no signed note lifted it",
        "mlops resume",
    ),
    "a decision's tag deleted": Forgery(
        _delete(lambda w: next(t for t in w.lake.tags() if names.parse_decision_tag(t))),
        "I16: 3 tags of the kind decision were on record at change [0-9], 2 are left",
        "record",
    ),
    "a resume deleted": Forgery(
        _delete(lambda _: "resumed-000003"),
        "I16: promotion 4 followed rollback 3, but no signed note lifted its hold",
        "record",
    ),
    "a rollback's tag deleted": Forgery(
        _delete(lambda _: "rolledback-000003"),
        "I16: change [0-9] of [0-9]+ is missing from the signed record",
        "record",
    ),
    "a run forgotten by hand": Forgery(forgotten_by_hand, _NOBODY.format("forgotten-0{12}")),
    "a resume by hand": Forgery(
        _tag(lambda _: "resumed-000007", _head),
        "I16: resumed-000007 is a note without a valid signature: its statement is about something else",
    ),
    "a resume that was copied": Forgery(
        _tag(lambda _: "resumed-000007", _copied_note),
        "I16: resumed-000007 is a note without a valid signature: its statement is about resumed-000003",
    ),
    "a run barred by hand": Forgery(
        _tag(lambda w: names.revoked_tag(_newest_run(w)), _barred_by_hand),
        "I16: revoked-[0-9a-f]{12} was not set by a signed rollback: it has no signed statement",
    ),
    "a decision by hand": Forgery(
        _tag(
            lambda _: f"decision-{'a' * 12}-4", lambda w: made(w, {"decision_tag": f"decision-{'a' * 12}-4"})
        ),
        "I16: decision-a{12}-4 is a decision without a valid signature: carries no signed statement",
    ),
    "a decision that was copied": Forgery(
        _tag(lambda _: f"decision-{'a' * 12}-4", _copied_decision),
        "I16: decision-a{12}-4 is a decision without a valid signature: .*",
    ),
    "a hold by hand": Forgery(
        _tag(lambda _: names.HOLD_TAG, _barred_by_hand),
        "I16: hold was not set by a signed rollback: it has no signed statement",
    ),
    "a return asked for by hand": Forgery(
        _tag(lambda w: names.restored_tag(f"{_newest_run(w)}r1"), lambda w: made(w, {})),
        _NOBODY.format("restored-[0-9a-f]{12}r1"),
    ),
    "an arrival written off by hand": Forgery(
        _tag(lambda _: names.written_off_tag(3, "2013-02"), lambda w: made(w, {})),
        _NOBODY.format("writtenoff-000003-2013-02"),
    ),
    "a rollback settled by hand": Forgery(
        _tag(lambda _: "settled-000009", _barred_by_hand),
        "I12: settled-000009 says that a rollback is completed which is not on record",
        "not on record",
    ),
    "the newest change cut off": Forgery(
        truncated,
        "I16: the state folder saw change [0-9]+ of main, which .* does not hold: main was rewritten",
    ),
    "main reset with all its traces": Forgery(
        reset_with_all_traces,
        "I16: the state folder saw change [0-9]+ of main, which .* does not hold: main was rewritten",
        "record|mlops resume",
    ),
}
