"""What an audit looks at: one commit of `main` with what was before it, and how findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import Corrupt, LakeDenied, LakeUnavailable, MlopsError, NotFound, TrackerUnavailable
from mlops.runs.evidence import Decision, Paired, Policy
from mlops.runs.main.state import champion_of, is_forward, kind_of, parse_json
from mlops.runs.ports import Change, Commit, Lake, ObjectStat
from mlops.runs.records import Champion, Kind


@dataclass(frozen=True)
class AuditFinding:
    """One thing that is not as the protocol would have left it, or that cannot be proved.

    Attributes:
        commit: The commit it is about; empty where it is about tags, protection or the tracker.
        invariant: Which invariant does not hold, ``I3`` to ``I15``.
        what: What is wrong, a sentence without its full stop.
        todo: What to do about it.
        proved: Whether it is certain; otherwise the proof is missing, not the lawfulness.
    """

    commit: str
    invariant: str
    what: str
    todo: str
    proved: bool = True


class Unprovable(Exception):
    """Something that a proof needs is not there; nobody can tell whether the invariant holds."""


@dataclass(frozen=True)
class Depth:
    """How much an audit computes again, beyond what the recorded numbers must agree on.

    Attributes:
        rescore: Loads both models of each promotion and predicts again.
        rebuild: Makes the rows again from the raw data and runs the suites again, of runs and of ingests.
        refit: Trains each model again.
    """

    rescore: bool = False
    rebuild: bool = False
    refit: bool = False

    def covers(self, other: Depth) -> bool:
        """Tell whether an audit of this depth has asked all that one of the other depth asks."""
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

    Each yields what is wrong, a sentence each, and raises `Unprovable` where it cannot tell.
    """

    def policy(self, data: bytes) -> Policy:
        """Return the policy that the content of ``gate/policy.yaml`` describes, or raise `ConfigError`."""
        ...

    def paired(self, subject: PromotionSubject) -> Iterator[str]:
        """Derive the paired losses again from the committed predictions and holdout rows."""
        ...

    def holdout(self, subject: PromotionSubject) -> Iterator[str]:
        """Select the holdout rows again from the raw data, by the rule that was in force."""
        ...

    def rescore(self, subject: PromotionSubject) -> Iterator[str]:
        """Load the models and score them again on the committed holdout."""
        ...

    def rebuild(self, subject: PromotionSubject) -> Iterator[str]:
        """Make the rows again from the raw data and run the suites on them again."""
        ...

    def refit(self, subject: PromotionSubject) -> Iterator[str]:
        """Train the model again on the committed rows and compare its predictions."""
        ...

    def ingest(self, subject: PromotionSubject) -> Iterator[str]:
        """Run the suites again on the tables that an ingest brought."""
        ...


class Lineage:
    """The commits that a history stands on, as its commits are added from the oldest on.

    A rollback made forward leaves what it dropped among the ancestors of `main`; here it goes.
    """

    def __init__(self) -> None:
        self._standing: dict[str, None] = {}

    def __contains__(self, commit: object) -> bool:
        return commit in self._standing

    def add(self, commit: Commit) -> None:
        """Take up the next commit."""
        to = commit.metadata.get("to_commit", "")
        if is_forward(commit) and to in self._standing:
            kept = list(self._standing)
            self._standing = dict.fromkeys(kept[: kept.index(to) + 1])
        self._standing[commit.id] = None


@dataclass(frozen=True)
class Before:
    """What was on `main` before a commit.

    Attributes:
        commit: The first parent.
        champion: Content of ``champion.json``; None where there was none.
        policy: Content of ``gate/policy.yaml``; None before the set-up.
        enforced: Whether the enforcer was there.
        lineage: The commits that `main` stood on, without what was dropped.
        head: The commit that `main` is at now.
        signed: Whether a change before it bears a statement.
        by_identity: Whether the enforcer counted evaluations by the identity of the holdout.
    """

    commit: str
    champion: bytes | None
    policy: bytes | None
    enforced: bool
    lineage: Lineage
    head: str
    signed: bool = False
    by_identity: bool = False


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
        """The commit's metadata."""
        return self.commit.metadata

    @property
    def kind(self) -> Kind | None:
        """What kind of change it says it is; None where that is not a lawful one."""
        return kind_of(self.commit)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What differs from the first parent, ascending by path."""
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
    """A promotion under audit; what it holds is read when it is first asked for."""

    @property
    def champion_data(self) -> bytes:
        """Content of its ``champion.json``."""
        return self.read(names.CHAMPION)

    @cached_property
    def champion(self) -> Champion:
        """Its ``champion.json``."""
        return champion_of(self.champion_data, self.commit.id)

    @cached_property
    def replaced(self) -> Champion | None:
        """The champion that it replaced."""
        data = self.before.champion
        return champion_of(data, self.before.commit) if data is not None else None

    @property
    def decision_data(self) -> bytes:
        """Content of its ``reports/decision.json``."""
        return self.read(names.DECISION)

    @cached_property
    def decision(self) -> Decision:
        """Its decision."""
        return Decision.from_json(parse_json(self.decision_data, names.DECISION))

    @property
    def paired_data(self) -> bytes:
        """Content of its ``reports/paired.json``."""
        return self.read(names.PAIRED)

    @cached_property
    def paired(self) -> Paired:
        """The paired losses that its verdict is computed from."""
        return Paired.from_json(parse_json(self.paired_data, names.PAIRED))

    @property
    def predictions_data(self) -> bytes:
        """Content of its ``reports/predictions.parquet``."""
        return self.read(names.PREDICTIONS)

    @cached_property
    def outputs(self) -> dict[str, ObjectStat]:
        """Every object that a promotion replaces, by path."""
        return {s.path: s for p in names.OUTPUTS for s in self.lake.list(self.commit.id, p)}

    @cached_property
    def evidence(self) -> Commit:
        """Its evidence commit; it may be gone where branches were removed and objects collected."""
        try:
            return self.lake.commit_of(self.champion.evidence_commit)
        except NotFound as error:
            raise Unprovable("its evidence commit is gone") from error


@dataclass(frozen=True)
class Check:
    """One thing that is asked of a commit.

    Attributes:
        invariant: What it proves.
        todo: What to do where it does not hold.
        find: Yields what is wrong with a commit.
    """

    invariant: str
    todo: str
    find: Callable[[PromotionSubject], Iterator[str]]


#: Errors of the outside: they say nothing about the commit, and end the audit.
_OUTSIDE = (LakeUnavailable, LakeDenied, TrackerUnavailable)


def ask(check: Check, subject: PromotionSubject) -> Iterator[AuditFinding]:
    """Yield what a check finds; what cannot be read is a finding too."""

    def finding(what: str, *, proved: bool = True) -> AuditFinding:
        return AuditFinding(subject.commit.id, check.invariant, what, check.todo, proved)

    try:
        for what in check.find(subject):
            yield finding(what)
    except Unprovable as missing:
        yield finding(str(missing), proved=False)
    except _OUTSIDE:
        raise
    except Corrupt as error:
        yield finding(str(error))
    except (MlopsError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        yield finding(f"it cannot be read: {error}")
