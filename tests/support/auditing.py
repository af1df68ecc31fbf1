"""Audits of a world in memory: proofs for models that are numbers, a tracker that tells what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.audit.audit import Audited, AuditFinding, Depth, Version, audit
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.decisions import Policy
from tests.support.fakes import MemoryTracker, paired
from tests.support.memory_lake import MemoryLake
from tests.support.protocol import World, new_world


class NumberProver:
    """Proves what `FakeJudge` says: a prediction file holds two numbers, a model one."""

    def policy(self, data: bytes) -> Policy:
        return parse_policy(data)

    def paired(self, subject: PromotionSubject) -> Iterator[str]:
        mine, theirs = subject.predictions_data.decode().split()
        champion = None if theirs == "None" else float(theirs)
        derived = paired(float(mine), champion, holdout=subject.paired.holdout_digest)
        derived = replace(derived, holdout_id=subject.paired.holdout_id, interval=subject.paired.interval)
        if derived != subject.paired:
            yield "paired losses do not follow from the predictions"

    def holdout(self, subject: PromotionSubject) -> Iterator[str]:
        if subject.read(names.HOLDOUT) != b"holdout":
            yield "the holdout is not what the rule selects"

    def rescore(self, subject: PromotionSubject) -> Iterator[str]:
        if float(subject.read("model/mae")) != float(subject.predictions_data.split()[0]):
            yield "the model predicts otherwise"

    def rebuild(self, subject: PromotionSubject) -> Iterator[str]:
        if subject.read(names.TRAIN) != b"train":
            yield "the training rows are not made from the raw data"

    def refit(self, subject: PromotionSubject) -> Iterator[str]:
        yield from ()

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        yield from ()


@dataclass
class MemoryWitness:
    """What the tracker in memory has seen."""

    tracker: MemoryTracker

    def seen_runs(self) -> Mapping[str, Mapping[str, str]]:
        return {
            run_id: {key: str(value) for key, value in tags.items()}
            for run_id, tags in self.tracker.runs.items()
        }

    def seen_versions(self, model: str) -> Sequence[Version]:
        return [
            Version(number, uri) for (name, uri), number in self.tracker.versions.items() if name == model
        ]


def audited(world: World, *, rescore: bool = False, **options: Any) -> list[Audited]:
    """Return every step of an audit of a world."""
    witness = MemoryWitness(world.ports.tracker)  # type: ignore[arg-type]
    return list(audit(world.ports, NumberProver(), witness, depth=Depth(rescore=rescore), **options))


def findings(world: World, **options: Any) -> list[AuditFinding]:
    """Return everything that an audit finds."""
    return [finding for step in audited(world, **options) for finding in step.findings]


def texts(found: Sequence[AuditFinding]) -> list[str]:
    """Return findings as lines, for assertions that fail."""
    return [f"{f.invariant} {f.commit[:8]} {f.what}{'' if f.proved else ' (not proved)'}" for f in found]


def lake_of(world: World) -> MemoryLake:
    """Return a world's lake, which is in memory."""
    assert isinstance(world.lake, MemoryLake)
    return world.lake


def two_promotions() -> World:
    """Return a world with two promotions, on a server that refuses nothing any more."""
    made = new_world("2013-01", "2013-02")
    made.run(mae=14.0)
    made.run(mae=12.0)
    lake_of(made).enforcer = lake_of(made).hook = None
    return made


def says(world: World, invariant: str, words: str) -> None:
    """Assert that an audit finds something by an invariant, in these words, and what to do."""
    seen = findings(world)
    assert any(f.invariant == invariant and words in f.what and f.todo for f in seen), texts(seen)


def unprotected(world: World) -> MemoryLake:
    """Return a world's lake after its protection has been lifted."""
    lake = lake_of(world)
    lake.protect([], lake.protection().version)
    return lake
