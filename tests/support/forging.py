"""Promotions that somebody could try to forge: a candidate that would be promoted, spoiled in one way.

Where a forger keeps everything else consistent, `Candidate.record` does it for them: digests, evidence
commit, decision tag and the list of objects all follow from what was changed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from typing import Any

from mlops.anomalies.by_hand import champion_record, promotion_metadata
from mlops.runs import names
from mlops.runs.decisions import Decision, Outcome, Policy
from mlops.runs.digest import document, sha256
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict as gate
from mlops.runs.json_values import nulled
from mlops.runs.main.state import read_main
from mlops.runs.ports import Lake
from mlops.runs.promotion.decision import current, decide
from mlops.runs.promotion.sealing import records
from tests.support.protocol import World

_COUNT = itertools.count()


class Candidate:
    """A decided run that would be promoted, on a branch that may still be spoiled."""

    def __init__(self, world: World, mae: float = 12.0) -> None:
        self.world, self.lake = world, world.lake
        run = decide(world.ports, world.judge, world.train(mae=mae, nth=next(_COUNT))).run
        decided, state = current(world.ports, run), read_main(world.lake)
        self.run, self.branch, self.head = run, run.branch, state.head
        champion = champion_record(world.lake, state, decided)
        self.champion: dict[str, Any] = json.loads(document(champion.to_json()))
        self.decision: dict[str, Any] = decided.decision.to_json()
        self.paired: dict[str, Any] = losses_of(world, run.head)
        self.metadata = promotion_metadata(state, champion)

    @property
    def verdict(self) -> dict[str, Any]:
        return self.decision["verdict"]

    def merge(self) -> str:
        """Seal the branch and try to merge it."""
        self.lake.write(self.branch, names.CHAMPION, document(self.champion))
        source = self.lake.commit(self.branch, "seal", {}, allow_empty=True)
        return self.lake.merge(source, names.MAIN, "promote", self.metadata)

    def rewrite_decision(self, **changes: Any) -> None:
        """Change the decision, and its entry in the list of objects."""
        self.decision.update(changes)
        self.lake.write(self.branch, names.DECISION, document(self.decision))
        stat = self.lake.stat(self.branch, names.DECISION)
        for record in self.champion["objects"]:
            if record["path"] == names.DECISION:
                record.update(
                    size_bytes=stat.size_bytes,
                    checksum=stat.checksum,
                    sha256=sha256(document(self.decision)),
                )

    def decide_anew(self, **changes: Any) -> None:
        """Take the next look at changed evidence, honestly but for whether it promotes."""
        self.paired.update(changes)
        evidence = Paired.from_json(self.paired)
        look = read_main(self.lake).next_look(evidence.identity)
        verdict = gate.decide(evidence, Policy(), look=look)
        self.decision["verdict"] = Decision.to_json(with_verdict(self.decision, verdict))["verdict"]
        self.verdict["outcome"] = str(Outcome.PROMOTE)

    def record(self, *, tag: bool = True) -> None:
        """Write evidence and decision as they are now, put them on record, and list what there is."""
        evidence = document(nulled(self.paired))
        self.decision["paired_sha256"] = sha256(evidence)
        self.lake.write(self.branch, names.PAIRED, evidence)
        self.lake.write(self.branch, names.DECISION, document(nulled(self.decision)))
        look = names.decision_tag(self.paired["holdout_id"], self.verdict["look"])
        metadata = {**self.lake.commit_of(self.run.head).metadata, "decision_tag": look}
        commit = self.lake.commit(self.branch, "evidence", metadata, allow_empty=True)
        if tag:
            self.lake.create_tag(look, commit)
        self.metadata["evidence_commit"] = self.champion["evidence_commit"] = commit
        self.champion["trained_until"] = self.decision["trained_until"]
        listed = records(self.lake, commit, names.OUTPUTS)
        self.champion["objects"] = [vars(record) for record in listed]


def losses_of(world: World, commit: str) -> dict[str, Any]:
    """Return the evidence in a commit."""
    return json.loads(world.lake.read(commit, names.PAIRED))


def with_verdict(decision: dict[str, Any], verdict: Any) -> Decision:
    return dataclasses.replace(Decision.from_json(decision), verdict=verdict)


def request_to_forget(lake: Lake, run_id: str, tags: Sequence[str] = ()) -> str:
    """Return a commit that looks like a request to forget a run; anybody with the key can make one."""
    branch = f"request-{run_id}"
    lake.create_branch(branch, lake.head(names.MAIN))
    request = {"run_id": run_id, "reason": "by hand", "tags": list(tags), "evidence": []}
    lake.write(branch, "forgotten.json", document(request))
    commit = lake.commit(branch, "forget", {"kind": "forgotten", "forgotten_run": run_id})
    lake.delete_branch(branch)
    return commit
