"""The rules of ``infra/lakefs/gate.yaml`` in Python, for the lake in memory.

A test runs both on the same merges, so that the two cannot drift apart unseen.
"""

from __future__ import annotations

import json

from mlops.runs.digest import sha256
from mlops.runs.errors import MainMoved, NotFound, Unlawful
from mlops.runs.model import Kind, lawful
from mlops.runs.names import OUTPUTS
from mlops.runs.ports import Commit
from tests.support.memory_lake import MemoryLake


def _read(lake: MemoryLake, ref: str, path: str) -> bytes | None:
    try:
        return lake.read(ref, path)
    except NotFound:
        return None


def enforce(lake: MemoryLake, merge: Commit, source: str) -> None:
    """Refuse a merge as the enforcer does, if the source brings the enforcer at all."""
    if _read(lake, source, "_lakefs_actions/gate.yaml") is None:
        return
    meta, head = merge.metadata, merge.parents[0]
    if "expected_head" not in meta:
        raise Unlawful("no expected_head in the merge's metadata")
    if meta["expected_head"] != head:
        raise MainMoved(f"checked against {meta['expected_head'][:12]}, main is at {head[:12]}")
    if meta.get("kind") not in set(Kind):
        raise Unlawful(f"kind {meta.get('kind')} is none of the five")
    kind = Kind(meta["kind"])
    if _read(lake, head, "rollback.json") is not None:
        raise Unlawful("frozen: a rollback is under way on main")
    changed = {c.path: c.type for c in lake.diff(head, merge.id)}
    for path in changed:
        if not lawful(kind, path):
            raise Unlawful(f"kind {kind} may not change {path}")
    {
        Kind.SETUP: _setup,
        Kind.INGEST: _ingest,
        Kind.PROMOTION: _promotion,
        Kind.ROLLBACK: _rollback,
        Kind.POLICY: _policy,
    }[kind](lake, merge, head, changed)


def _setup(lake: MemoryLake, merge: Commit, head: str, changed: dict[str, str]) -> None:
    if _read(lake, head, "_lakefs_actions/gate.yaml") is not None:
        raise Unlawful("main is set up already")


def _policy(lake: MemoryLake, merge: Commit, head: str, changed: dict[str, str]) -> None:
    if not merge.metadata.get("reason"):
        raise Unlawful("a policy commit needs a reason")


def _ingest(lake: MemoryLake, merge: Commit, head: str, changed: dict[str, str]) -> None:
    arrival = merge.metadata.get("arrival")
    if not arrival or not all(path.endswith(f"/{arrival}.parquet") for path in changed):
        raise Unlawful("an ingest changes only the arrival it names")


def _number(lake: MemoryLake, merge: Commit, head: str) -> None:
    text = merge.metadata.get("number", "")
    if not text.isdigit() or int(text) < 1:
        raise Unlawful("no sequence number")
    number = int(text)
    before = _read(lake, head, "champion.json")
    if before is not None and number <= json.loads(before)["number"]:
        raise Unlawful("the number is not above the champion's")
    if lake.tags(f"promotion-{number:06d}") or lake.tags(f"rolledback-{number:06d}"):
        raise Unlawful(f"number {number} is taken")


def _rollback(lake: MemoryLake, merge: Commit, head: str, changed: dict[str, str]) -> None:
    _number(lake, merge, head)
    if changed.get("rollback.json") != "added":
        raise Unlawful("a rollback adds rollback.json")


def _promotion(lake: MemoryLake, merge: Commit, head: str, changed: dict[str, str]) -> None:
    _number(lake, merge, head)
    meta = merge.metadata
    if "hold" in lake.tags("hold"):
        raise Unlawful("on-hold: promotions are stopped")
    if not meta.get("run_id"):
        raise Unlawful("a promotion names its run")
    if f"revoked-{meta['run_id']}" in lake.tags("revoked-"):
        raise Unlawful("the run was rolled back")
    _same_promotion(lake, merge, head)
    _judged_objects(lake, merge)


def _same_promotion(lake: MemoryLake, merge: Commit, head: str) -> None:
    meta = merge.metadata
    champion = json.loads(lake.read(merge.id, "champion.json"))
    decision = json.loads(lake.read(merge.id, "reports/decision.json"))
    current = _read(lake, head, "champion.json")
    old = sha256(current) if current is not None else ""
    if decision["compared_to"]["champion_sha256"] != old:
        raise MainMoved("the decision was made against another champion")
    if champion["compared_to"]["champion_sha256"] != old:
        raise Unlawful("champion.json does not replace the champion on main")
    named = (champion["number"], champion["run_id"], champion["evidence_commit"], decision["run_id"])
    if named != (int(meta["number"]), meta["run_id"], meta.get("evidence_commit"), meta["run_id"]):
        raise Unlawful("different promotions are named")
    if decision["verdict"]["outcome"] != "promote" or decision["verdict"]["what_if"]:
        raise Unlawful("the decision does not promote")
    if sha256(lake.read(merge.id, "reports/paired.json")) != decision["paired_sha256"]:
        raise Unlawful("reports/paired.json is not what was decided on")
    if sha256(lake.read(head, "gate/policy.yaml")) != decision["policy_sha256"]:
        raise MainMoved("the decision was made by another policy")


def _judged_objects(lake: MemoryLake, merge: Commit) -> None:
    champion = json.loads(lake.read(merge.id, "champion.json"))
    listed = {o["path"]: (o["size_bytes"], o["checksum"]) for o in champion["objects"]}
    found = {s.path: (s.size_bytes, s.checksum) for p in OUTPUTS for s in lake.list(merge.id, p)}
    if listed.keys() != found.keys():
        raise Unlawful(f"champion.json lists {len(listed)} objects, the promotion has {len(found)}")
    if listed != found:
        raise Unlawful("the objects are not the ones that were judged")
