"""The subject of an audit: one commit of `main`, what was before it, and how much is computed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from mlops.runs import names
from mlops.runs.audit.findings import Unprovable
from mlops.runs.decisions import Decision, Policy
from mlops.runs.digest import sha256
from mlops.runs.errors import NotFound
from mlops.runs.evidence import Paired
from mlops.runs.gate.rules import NO_RULES, Rules
from mlops.runs.main.state import champion_of, is_forward, kind_of, parse_json
from mlops.runs.ports import Change, Commit, Lake, ObjectStat
from mlops.runs.records import Champion, Kind


@dataclass(frozen=True)
class Depth:
    """The amount of work of an audit, beyond comparing recorded numbers with each other.

    Attributes:
        rescore: Loads both models of each promotion and predicts again.
        rebuild: Makes the rows again from the raw data and runs the suites again, of runs and of ingests.
        refit: Trains each model again.
    """

    rescore: bool = False
    rebuild: bool = False
    refit: bool = False

    def covers(self, other: Depth) -> bool:
        """Return whether an audit of this depth includes everything that the other depth includes."""
        pairs = (
            (self.rescore, other.rescore),
            (self.rebuild, other.rebuild),
            (self.refit, other.refit),
        )
        return all(mine or not theirs for mine, theirs in pairs)


#: Nothing is computed again.
SHALLOW = Depth()


class Prover(Protocol):
    """The proofs that need tables and models.

    Each method yields a sentence for each deviation, and raises `Unprovable` where data is missing.
    """

    def policy(self, data: bytes) -> Policy:
        """Return the policy parsed from ``gate/policy.yaml``, or raise `ConfigError`."""
        ...

    def paired(self, subject: PromotionSubject) -> Iterator[str]:
        """Compute the paired losses again from the committed predictions and holdout rows."""
        ...

    def holdout(self, subject: PromotionSubject) -> Iterator[str]:
        """Select the holdout rows again from the raw data, by the rule that was in force."""
        ...

    def rescore(self, subject: PromotionSubject) -> Iterator[str]:
        """Load the models and score them again on the committed holdout."""
        ...

    def rebuild(self, subject: PromotionSubject) -> Iterator[str]:
        """Rebuild the rows from the raw data and run the suites on them."""
        ...

    def refit(self, subject: PromotionSubject) -> Iterator[str]:
        """Train the model again on the committed rows and compare its predictions."""
        ...

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        """Run the suites again on the tables of an ingest."""
        ...


class Lineage:
    """The lineage of a history: its commits, added from the oldest on, without dropped ones.

    A forward rollback leaves the commits that it dropped among the ancestors of `main`; they are removed
    here.
    """

    def __init__(self) -> None:
        self._standing: dict[str, None] = {}

    def __contains__(self, commit: object) -> bool:
        return commit in self._standing

    def add(self, commit: Commit) -> None:
        """Add the next commit."""
        to = commit.metadata.get("to_commit", "")
        if is_forward(commit) and to in self._standing:
            kept = list(self._standing)
            self._standing = dict.fromkeys(kept[: kept.index(to) + 1])
        self._standing[commit.id] = None


@dataclass(frozen=True)
class Before:
    """The state of `main` before a commit.

    Attributes:
        commit: The first parent.
        champion: Content of ``champion.json``; None where there was none.
        policy: Content of ``gate/policy.yaml``; None before the set-up.
        enforced: Whether the enforcer was there.
        lineage: The history of `main` then, without dropped commits.
        head: The commit that `main` is at now.
        signed: Whether an earlier change carries a signed statement.
        rules: The rules of the enforcer.
    """

    commit: str
    champion: bytes | None
    policy: bytes | None
    enforced: bool
    lineage: Lineage
    head: str
    signed: bool = False
    rules: Rules = NO_RULES


@dataclass(frozen=True)
class Subject:
    """A commit of `main` under audit.

    Attributes:
        lake: Where it is read.
        commit: The commit.
        before: What was there before it.
    """

    lake: Lake
    commit: Commit
    before: Before

    @property
    def meta(self) -> Mapping[str, str]:
        """Return the commit's metadata."""
        return self.commit.metadata

    @property
    def kind(self) -> Kind | None:
        """Return the kind of change from the metadata; None where it is not an allowed one."""
        return kind_of(self.commit)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return the differences from the first parent, ascending by path."""
        return tuple(self.lake.diff(self.before.commit, self.commit.id))

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        return {}

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def read(self, path: str) -> bytes:
        """Return the content of an object in the commit; it is fetched once."""
        if path not in self._contents:
            self._contents[path] = self.lake.read(self.commit.id, path)
        return self._contents[path]

    def read_optional(self, path: str) -> bytes | None:
        """Return the content of an object in the commit, or None where there is none."""
        try:
            return self.read(path)
        except NotFound:
            return None

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of an object's content, which is fetched and digested once."""
        if path not in self._digests:
            data = self._contents.get(path)
            digest = self.lake.sha256(self.commit.id, path) if data is None else sha256(data)
            self._digests[path] = digest
        return self._digests[path]


class PromotionSubject(Subject):
    """A promotion under audit; its objects are read on first access."""

    @property
    def champion_data(self) -> bytes:
        """Content of its ``champion.json``."""
        return self.read(names.CHAMPION)

    @cached_property
    def champion(self) -> Champion:
        """Return its ``champion.json``."""
        return champion_of(self.champion_data, self.commit.id)

    @cached_property
    def replaced(self) -> Champion | None:
        """Return the champion that it replaced."""
        data = self.before.champion
        return champion_of(data, self.before.commit) if data is not None else None

    @property
    def decision_data(self) -> bytes:
        """Content of its ``reports/decision.json``."""
        return self.read(names.DECISION)

    @cached_property
    def decision(self) -> Decision:
        """Return its decision."""
        return Decision.from_json(parse_json(self.decision_data, names.DECISION))

    @property
    def paired_data(self) -> bytes:
        """Content of its ``reports/paired.json``."""
        return self.read(names.PAIRED)

    @cached_property
    def paired(self) -> Paired:
        """Return the paired losses from which its verdict was computed."""
        return Paired.from_json(parse_json(self.paired_data, names.PAIRED))

    @property
    def predictions_data(self) -> bytes:
        """Content of its ``reports/predictions.parquet``."""
        return self.read(names.PREDICTIONS)

    @cached_property
    def outputs(self) -> dict[str, ObjectStat]:
        """Return every object that a promotion replaces, by path."""
        return {s.path: s for p in names.OUTPUTS for s in self.lake.list(self.commit.id, p)}

    @cached_property
    def evidence(self) -> Commit:
        """Return its evidence commit; it may be gone after a sweep and garbage collection."""
        try:
            return self.lake.commit_of(self.champion.evidence_commit)
        except NotFound as error:
            raise Unprovable("its evidence commit is gone") from error
