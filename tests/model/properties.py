"""What must hold after every step, and what a violation is called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from mlops.runs import gate, names
from mlops.runs.digest import sha256
from mlops.runs.evidence import Outcome, Paired
from mlops.runs.history import is_forward, kind_of, lineage
from mlops.runs.model import Kind, lawful
from mlops.runs.ports import Commit
from mlops.runs.promotion import Promotion
from tests.model.lake import ModelLake
from tests.model.state import Actor, Past, State, but
from tests.support.enforcer_promotion import read_policy

#: Name of an anomaly to what it means.
ANOMALIES = {
    "half-written main": "champion.json names other objects than there are (I3)",
    "unlawful commit": "a commit of main is of no lawful kind, or changes what its kind may not (I3, I10)",
    "reachable run": "main has another parent than the head it replaced (I4)",
    "silent overwrite": "an ingest replaced a delivery that its record does not name (I5)",
    "stale comparison": "the decision was not made against the champion that was replaced (I6)",
    "unearned promotion": "by the evidence and the policy the gate refuses what was promoted (I6, I9)",
    "unjudged outputs": "main holds other outputs than those on record with the decision (I3, I9)",
    "misnamed promotion": "champion.json, decision.json and the commit name different promotions (I15)",
    "unexplained change": "what judges was changed without a reason on record (I10)",
    "lost record": "a tag that keeps a record was removed or moved (I7, I11)",
    "misplaced tag": "the champion tag was put on another champion than main's (I11)",
    "another policy": "the decision was not made by the policy in force (I6, I9)",
    "moved head": "the merge landed on another head than everything was checked against (I6)",
    "number used twice": "two events have one sequence number (I6)",
    "look taken twice": "the decision that was acted on is not the one on record for its look (I9)",
    "resurrection": "a run that was rolled back is on main again (I7)",
    "returned arrival": "a delivery that was rolled back is on main again, unasked (I7)",
    "dropped data": "the champion was trained on data that was rolled back (I7)",
    "unrecorded drop": "main lost something that no rollback's record names (I7, I12)",
    "unbarred drop": "a dropped run may come back: it was not tagged before main moved (I7)",
    "broken freeze": "main changed while a rollback was under way (I12)",
    "promoted on hold": "promotions were stopped, and one went through (I12)",
    "rolled back twice": "one request went back two promotions (I12)",
    "fenced attempt": "an attempt that was taken over before its last look promoted all the same (I2)",
    "promoted twice": "one run was promoted twice (I5)",
    "winner told it lost": "a run that is champion was told that it was refused (I13)",
    "undue error": "an actor ended with an error that its command does not document (I13)",
    "wedged": "reconcile cannot bring things in line (I13)",
    "stale cache": "tags, alias or protection are not what main's head says (I11)",
    "gap in the sequence": "sequence numbers are not contiguous when all is quiet (I11)",
}


class Anomaly(Exception):
    """Something that must never happen has happened."""

    def __init__(self, name: str, detail: str = "") -> None:
        assert name in ANOMALIES, name
        super().__init__(f"{name}: {detail or ANOMALIES[name]}")
        self.name = name


def check_step(before: State, after: State, actor: Actor | None) -> State:
    """Return the state with what happened noted, or raise `Anomaly`."""
    old, new = before.lake.head(names.MAIN), after.lake.head(names.MAIN)
    past = after.past
    if before.lake._tags != after.lake._tags:
        _tagged(before.lake, after.lake)
    if old != new:
        past = _moved(before, after, old, new, actor)
    if past.held and names.HOLD_TAG in before.lake._tags and names.HOLD_TAG not in after.lake._tags:
        past = but(past, held=False)
    return after if past is after.past else but(after, past=past)


_RECORDS = ("promotion-", "rolledback-", "decision-", "revoked-", "restored-")


def _tagged(before: ModelLake, after: ModelLake) -> None:
    """Check a change of tags."""
    lost = [t for t, c in before._tags.items() if t.startswith(_RECORDS) and after._tags.get(t) != c]
    if lost:
        raise Anomaly("lost record", ", ".join(lost))
    champion = after._tags.get(names.CHAMPION_TAG)
    if champion not in {None, before._tags.get(names.CHAMPION_TAG)}:
        on_main = after.contents(after.head(names.MAIN)).get(names.CHAMPION)
        if after.contents(champion).get(names.CHAMPION) != on_main:
            raise Anomaly("misplaced tag", f"champion at {champion[:8]}")


def _moved(before: State, after: State, old: str, new: str, actor: Actor | None) -> Past:
    lake, commit = after.lake, after.lake.commit_of(new)
    if commit.parents[:1] == (old,) and new not in _behind(lake, old):
        _merged(lake, commit, old)
        return _landed(after, commit, actor)
    return _dropped(before, after, old, new)


def _behind(lake: ModelLake, head: str) -> list[str]:
    return [c.id for c in lake.log(head)]


def _json(lake: ModelLake, ref: str, path: str) -> Any:
    entry = lake.contents(ref).get(path)
    return json.loads(entry.data) if entry is not None else None


def _merged(lake: ModelLake, commit: Commit, old: str) -> None:
    """Check what a merge commit says about itself, whatever happened before."""
    kind = kind_of(commit)
    if commit.parents != (old,):
        raise Anomaly("reachable run", f"parents {', '.join(p[:8] for p in commit.parents)}")
    check_whole(lake, commit.id)
    if names.ROLLBACK in lake.contents(old):
        raise Anomaly("broken freeze", commit.message)
    changes = lake.diff(old, commit.id)
    judges = (names.GATE, names.ACTIONS)
    if is_forward(commit):
        differ = lake.diff(commit.metadata["to_commit"], commit.id)
        fine = not any(c.path.startswith(judges) for c in changes)
        fine = fine and all(c.path.startswith(judges) for c in differ)
    else:
        fine = kind not in {None, Kind.SETUP} and all(lawful(kind, change.path) for change in changes)
    if not fine:
        raise Anomaly("unlawful commit", f"{commit.message}: {', '.join(c.path for c in changes)}")
    if kind is Kind.INGEST:
        replaced = {c.path for c in changes if c.type == "changed"}
        if not replaced <= set(commit.metadata.get("replaced", "").split()):
            raise Anomaly("silent overwrite", ", ".join(sorted(replaced)))
        named = f"/{commit.metadata.get('arrival')}.parquet"
        if not all(c.path.endswith(named) for c in changes):
            raise Anomaly("unlawful commit", f"{commit.message}: {', '.join(c.path for c in changes)}")
    if kind is Kind.POLICY and not commit.metadata.get("reason"):
        raise Anomaly("unexplained change", commit.message)
    if kind is Kind.PROMOTION:
        _compared(lake, commit, old)
        _earned(lake, commit, old)
    if commit.metadata.get("expected_head") != old:
        raise Anomaly("moved head", commit.message)


def check_whole(lake: ModelLake, head: str) -> None:
    """Raise `Anomaly` unless ``champion.json`` names exactly the objects that are there."""
    tree = lake.contents(head)
    champion = _json(lake, head, names.CHAMPION)
    listed = {(o["path"], o["sha256"]) for o in champion["objects"]} if champion else set()
    found = {(p, sha256(e.data)) for p, e in tree.items() if p.startswith(names.OUTPUTS)}
    if listed != found:
        paths = sorted({path for path, _ in listed ^ found})
        raise Anomaly("half-written main", f"{', '.join(paths)} at {head[:8]}")


def _compared(lake: ModelLake, commit: Commit, old: str) -> None:
    champion, decision = _json(lake, commit.id, names.CHAMPION), _json(lake, commit.id, names.DECISION)
    replaced = lake.contents(old).get(names.CHAMPION)
    digest = sha256(replaced.data) if replaced is not None else ""
    for record in (decision, champion):
        if record["compared_to"]["champion_sha256"] != digest:
            raise Anomaly("stale comparison", commit.message)
    if decision["policy_sha256"] != sha256(lake.contents(old)[names.POLICY].data):
        raise Anomaly("another policy", commit.message)
    paired = _json(lake, commit.id, names.PAIRED)
    tag = names.decision_tag(paired["holdout_digest"], decision["verdict"]["look"])
    if lake.tags().get(tag) != champion["evidence_commit"]:
        raise Anomaly("look taken twice", f"{tag} is not {champion['evidence_commit'][:8]}")
    if champion["raw_commit"] not in {c.id for c in lineage(lake, old)}:
        raise Anomaly("dropped data", commit.message)


def _earned(lake: ModelLake, commit: Commit, old: str) -> None:
    """Check that what was promoted is what was judged, and that it was better."""
    champion, decision = _json(lake, commit.id, names.CHAMPION), _json(lake, commit.id, names.DECISION)
    named = (champion["run_id"], str(champion["number"]), champion["evidence_commit"])
    said = tuple(commit.metadata.get(key) for key in ("run_id", "number", "evidence_commit"))
    if named != said or decision["run_id"] != champion["run_id"]:
        raise Anomaly("misnamed promotion", commit.message)
    tree, judged = lake.contents(commit.id), lake.contents(champion["evidence_commit"])
    outputs = {p for t in (tree, judged) for p in t if p.startswith(names.OUTPUTS)}
    differ = sorted(p for p in outputs if tree.get(p) != judged.get(p))
    if differ:
        raise Anomaly("unjudged outputs", ", ".join(differ))
    policy, look = lake.contents(old)[names.POLICY].data, decision["verdict"]["look"]
    outcomes = {decision["verdict"]["outcome"], derived(tree[names.PAIRED].data, policy, look)}
    if outcomes != {Outcome.PROMOTE}:
        raise Anomaly("unearned promotion", decision["verdict"]["sentence"])


@lru_cache(maxsize=1024)
def derived(evidence: bytes, policy: bytes, look: int) -> Outcome:
    """Return the outcome that follows from evidence and policy."""
    return gate.decide(Paired.from_json(json.loads(evidence)), read_policy(policy), look=look).outcome


def _landed(after: State, commit: Commit, actor: Actor | None) -> Past:
    past, meta = after.past, commit.metadata
    kind = kind_of(commit)
    if kind in {Kind.PROMOTION, Kind.ROLLBACK}:
        number = int(meta["number"])
        if number in past.numbers:
            raise Anomaly("number used twice", f"{number}: {commit.message}")
        past = but(past, numbers=past.numbers | {number})
    if kind is Kind.PROMOTION:
        past = _promoted(past, commit, actor)
    if kind is Kind.ROLLBACK and actor is not None:
        request = f"{actor.node.program.name}: {meta['reason']}"
        if request in past.requests:
            raise Anomaly("rolled back twice", commit.message)
        past = but(past, requests=past.requests | {request})
    if is_forward(commit):
        record = _json(after.lake, commit.metadata["record_commit"], names.ROLLBACK)
        return _lost(after, past, commit.parents[0], commit.metadata["to_commit"], record)
    tree = after.lake.contents(commit.id)
    raw = {(p, sha256(e.data)) for p, e in tree.items() if p.startswith(names.RAW)}
    returned = raw & past.dropped_arrivals
    if returned:
        if actor is None or not actor.node.program.explicit:
            raise Anomaly("returned arrival", ", ".join(path for path, _ in sorted(returned)))
        past = but(past, dropped_arrivals=past.dropped_arrivals - returned)
    return past


def _promoted(past: Past, commit: Commit, actor: Actor | None) -> Past:
    run = commit.metadata["run_id"]
    if run in past.dropped_runs:
        raise Anomaly("resurrection", commit.message)
    if run in past.promoted:
        raise Anomaly("promoted twice", commit.message)
    if past.held:
        raise Anomaly("promoted on hold", commit.message)
    if actor is not None and actor.attempts:
        parsed = [p for p in map(names.parse_run_branch, actor.attempts) if p is not None and p.run_id == run]
        mine = max((names.parse_run_branch(b).attempt for b in own_attempts(actor, run)), default=0)  # type: ignore[union-attr]
        if mine and max(p.attempt for p in parsed) > mine:
            raise Anomaly("fenced attempt", f"attempt {mine}: {commit.message}")
    return but(past, promoted=past.promoted | {run})


def own_attempts(actor: Actor, run: str) -> list[str]:
    """Return the branches of attempts of a run that an actor itself writes to."""
    return [b for b in actor.node.start.overlay._branches if b.startswith(names.run_branch_prefix(run))]


def _dropped(before: State, after: State, old: str, new: str) -> Past:
    """Note what a move of `main` that is no merge took off it; it must be the rollback on record."""
    record = _json(after.lake, old, names.ROLLBACK)
    if record is None or record["to_commit"] != new or new not in _behind(after.lake, old):
        raise Anomaly("unrecorded drop", f"main went from {old[:8]} to {new[:8]}")
    return _lost(before, after.past, old, new, record)


def _lost(state: State, past: Past, old: str, target: str, record: Any) -> Past:
    """Note what a rollback drops, and check that it said so and barred it before."""
    lake = state.lake
    lost = [c for c in _until(lake, old, target) if kind_of(c) is Kind.PROMOTION]
    runs = {c.metadata["run_id"] for c in lost}
    if not runs <= set(record["dropped_runs"]):
        raise Anomaly("unrecorded drop", f"runs {', '.join(sorted(runs))}")
    barred = {names.parse_revoked_tag(tag) for tag in lake.tags("revoked-")}
    if not runs <= barred:
        raise Anomaly("unbarred drop", f"runs {', '.join(sorted(runs))}")
    kept = lake.contents(target)
    gone = {
        (p, sha256(e.data))
        for p, e in lake.contents(old).items()
        if p.startswith(names.RAW) and kept.get(p) != e
    }
    if not {p for p, _ in gone} <= set(record["dropped_arrivals"]):
        raise Anomaly("unrecorded drop", ", ".join(sorted(p for p, _ in gone)))
    return but(
        past,
        held=True,
        dropped_runs=past.dropped_runs | runs,
        dropped_arrivals=past.dropped_arrivals | gone,
    )


def _until(lake: ModelLake, head: str, end: str) -> Iterable[Commit]:
    for commit in lineage(lake, head):
        if commit.id == end:
            return
        yield commit


def check_end(state: State, actor: Actor) -> None:
    """Check how an actor ended."""
    result = actor.node.result
    if actor.node.failure not in {"", "LakeUnavailable", *actor.node.program.errors}:
        raise Anomaly("undue error", f"{actor.name}: {actor.node.failure}: {result}")
    if isinstance(result, Promotion) and not result.merge_commit:
        if names.revoked_tag(result.run.run_id) in state.lake.tags():
            return
        on_main = [c.metadata.get("run_id") for c in state.lake.log(names.MAIN)]
        if result.run.run_id in on_main:
            raise Anomaly("winner told it lost", f"{actor.name}: {result.decision.verdict.sentence}")
