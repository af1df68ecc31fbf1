"""What a merge into `main` must say about itself, whatever happened before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from mlops.runs import names
from mlops.runs.decisions import Outcome
from mlops.runs.digest import sha256
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict
from mlops.runs.main.state import is_forward, kind_of, lineage
from mlops.runs.ports import Change, Commit
from mlops.runs.records import Kind, lawful
from tests.model.anomalies import Anomaly
from tests.model.lake import ModelLake
from tests.support.enforcer_promotion import read_policy


def json_at(lake: ModelLake, ref: str, path: str) -> Any:
    entry = lake.contents(ref).get(path)
    return json.loads(entry.data) if entry is not None else None


def check_merged(lake: ModelLake, commit: Commit, old: str) -> None:
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
        paths = [change.path for change in changes]
        fine = kind is not None and kind is not Kind.SETUP and all(lawful(kind, path) for path in paths)
    if not fine:
        raise Anomaly("unlawful commit", f"{commit.message}: {', '.join(c.path for c in changes)}")
    if kind is Kind.INGEST:
        _ingested(commit, changes)
    if kind is Kind.POLICY and not commit.metadata.get("reason"):
        raise Anomaly("unexplained change", commit.message)
    if kind is Kind.PROMOTION:
        _compared(lake, commit, old)
        _earned(lake, commit, old)
    if commit.metadata.get("expected_head") != old:
        raise Anomaly("moved head", commit.message)


def _ingested(commit: Commit, changes: Iterable[Change]) -> None:
    """Check that an ingest changed the arrival that it names, and said what it replaced."""
    replaced = {c.path for c in changes if c.type == "changed"}
    if not replaced <= set(commit.metadata.get("replaced", "").split()):
        raise Anomaly("silent overwrite", ", ".join(sorted(replaced)))
    named = f"/{commit.metadata.get('arrival')}.parquet"
    if not all(c.path.endswith(named) for c in changes):
        raise Anomaly("unlawful commit", f"{commit.message}: {', '.join(c.path for c in changes)}")


def check_whole(lake: ModelLake, head: str) -> None:
    """Raise `Anomaly` unless ``champion.json`` names exactly the objects that are there."""
    tree = lake.contents(head)
    champion = json_at(lake, head, names.CHAMPION)
    listed = {(o["path"], o["sha256"]) for o in champion["objects"]} if champion else set()
    found = {(p, sha256(e.data)) for p, e in tree.items() if p.startswith(names.OUTPUTS)}
    if listed != found:
        paths = sorted({path for path, _ in listed ^ found})
        raise Anomaly("half-written main", f"{', '.join(paths)} at {head[:8]}")


def _compared(lake: ModelLake, commit: Commit, old: str) -> None:
    champion, decision = json_at(lake, commit.id, names.CHAMPION), json_at(lake, commit.id, names.DECISION)
    replaced = lake.contents(old).get(names.CHAMPION)
    digest = sha256(replaced.data) if replaced is not None else ""
    for record in (decision, champion):
        if record["compared_to"]["champion_sha256"] != digest:
            raise Anomaly("stale comparison", commit.message)
    if decision["policy_sha256"] != sha256(lake.contents(old)[names.POLICY].data):
        raise Anomaly("another policy", commit.message)
    paired = json_at(lake, commit.id, names.PAIRED)
    tag = names.decision_tag(paired["holdout_digest"], decision["verdict"]["look"])
    if lake.tags().get(tag) != champion["evidence_commit"]:
        raise Anomaly("look taken twice", f"{tag} is not {champion['evidence_commit'][:8]}")
    if champion["raw_commit"] not in {c.id for c in lineage(lake, old)}:
        raise Anomaly("dropped data", commit.message)


def _earned(lake: ModelLake, commit: Commit, old: str) -> None:
    """Check that what was promoted is what was judged, and that it was better."""
    champion, decision = json_at(lake, commit.id, names.CHAMPION), json_at(lake, commit.id, names.DECISION)
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
    outcomes = {decision["verdict"]["outcome"], _derived(tree[names.PAIRED].data, policy, look)}
    if outcomes != {Outcome.PROMOTE}:
        raise Anomaly("unearned promotion", commit.message)


@lru_cache(maxsize=1024)
def _derived(evidence: bytes, policy: bytes, look: int) -> Outcome:
    """Return the outcome that follows from evidence and policy."""
    return verdict.decide(Paired.from_json(json.loads(evidence)), read_policy(policy), look=look).outcome
