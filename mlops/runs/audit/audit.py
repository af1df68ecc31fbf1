"""Proving what is on `main`: every commit of its history, from the objects themselves.

The enforcer judges a merge while it is made, by rules that the source of the merge brings. Whoever brings
none, or has the server's only key, gets past it. So nothing is believed here that a commit says of itself:
kinds, paths, heads, records, checksums and verdicts are derived again, oldest commit first. What may change
later (tags, protection, the tracker) is in `mlops.runs.audit.record`, and is asked anew every time.

Numbers on record must agree with each other in every audit. Whether they are what the code computes is asked
by request: models are loaded and predict again (``rescore``), rows are made again from raw data and the
suites run on them again (``rebuild``), models are trained again (``refit``). Nothing recorded is re-used.
What no audit of the objects can prove: that raw data is true, and that a server's administrator has not
rewritten history together with every tag and the tracker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit.commits import COMMON
from mlops.runs.audit.promotions import checks_by_kind
from mlops.runs.audit.record import record_findings
from mlops.runs.audit.subject import (
    SHALLOW,
    AuditFinding,
    Before,
    Check,
    Depth,
    Lineage,
    PromotionSubject,
    Prover,
    ask,
)
from mlops.runs.audit.tracker import Version, Witness
from mlops.runs.digest import digest_of
from mlops.runs.errors import AuditFailed, InputError, NotProved
from mlops.runs.gate.holdouts import counts_by_identity
from mlops.runs.main.state import kind_of, read_optional
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.record.checks import statement_checks
from mlops.runs.records import Kind

__all__ = [
    "AuditFinding",
    "Audited",
    "Depth",
    "Mark",
    "Prover",
    "Version",
    "Witness",
    "audit",
    "failure",
    "limits",
]

#: Raised whenever a later version asks for more: what an earlier one found clean is then asked again.
_RULES = 3

#: How often an audit goes on with what came to `main` meanwhile.
_ROUNDS = 20


@dataclass(frozen=True)
class Mark:
    """How far a history was found clean.

    Attributes:
        commit: The last commit that was audited.
        digest: Digest over the rules of the audit and every commit id up to it, oldest first.
        depth: How much was computed again.
    """

    commit: str
    digest: str
    depth: Depth = SHALLOW


@dataclass(frozen=True)
class Audited:
    """One step of an audit.

    Attributes:
        position: Its place, from 1.
        total: How many there are.
        commit: The commit that was audited; None for the record: tags, protection, tracker.
        findings: What was found.
        mark: Up to where everything is clean; None where it is not, or not everything was asked.
    """

    position: int
    total: int
    commit: Commit | None
    findings: tuple[AuditFinding, ...]
    mark: Mark | None


def audit(
    ports: Ports,
    prover: Prover | None = None,
    witness: Witness | None = None,
    *,
    since: str = "",
    depth: Depth = SHALLOW,
    known: Mark | None = None,
) -> Iterator[Audited]:
    """Audit `main` as it is now, one commit after the other, oldest first, and the record last.

    Args:
        ports: The outside.
        prover: The proofs that need tables and models; what they prove is left open without one.
        witness: What the tracker has seen of `main`; links with it are left open without one.
        since: A ref in the history of `main`: only what came after it is audited, beside the record.
        depth: How much is computed again.
        known: How far an earlier audit found everything clean; what it covers is not asked again.

    Raises:
        InputError: ``since`` is not in the history of `main`.
        LakeUnavailable: The lake cannot be reached.
    """
    history = _history(ports.lake)
    first = _first(ports.lake, history, since, known if not since else None, depth)
    checks = checks_by_kind(prover, depth, ports.trust)
    passed, clean, found = 0, not since, list[AuditFinding]()
    for _ in range(_ROUNDS):
        walk = _Walk(ports, history, first)
        total = passed + len(history) - first + 1
        for commit in history[first:]:
            passed += 1
            findings = tuple(walk.findings(commit, checks))
            clean = clean and not findings
            mark = Mark(commit.id, walk.digest, depth) if clean else None
            yield Audited(passed, total, commit, findings, mark)
        found = list(record_findings(ports, history, witness))
        # Tags and the tracker were read after the history: what came meanwhile is no finding.
        if ports.lake.head(names.MAIN) == history[-1].id:
            break
        earlier, history = history, _history(ports.lake)
        first = _common(earlier, history)
    yield Audited(passed + 1, passed + 1, None, tuple(found), None)


def _history(lake: Lake) -> list[Commit]:
    """Return the first-parent history of `main`, oldest first."""
    return list(lake.log(names.MAIN))[::-1]


def _common(one: Sequence[Commit], other: Sequence[Commit]) -> int:
    """Return how many commits two histories have in common."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a.id != b.id), min(len(one), len(other)))


#: What only an audit of some depth proves: a sentence, and the option that does.
_DEEPER = {
    "rescore": "That predictions are what the models predict is proved by --rescore only.",
    "rebuild": "That rows follow from the raw data and passed their suites is proved by --rebuild only.",
    "refit": "That models are what the code fits on their training rows is proved by --refit only.",
}


def limits(depth: Depth = SHALLOW) -> tuple[str, ...]:
    """Return what an audit that found nothing has still not proved, a sentence each."""
    return (
        *(sentence for name, sentence in _DEEPER.items() if not getattr(depth, name)),
        "Raw data is taken as it was delivered.",
        "An arrival that somebody took off main by hand is missed only if a promotion followed it.",
        "Whoever holds the signing key can sign what did not happen; --rescore, --rebuild and --refit "
        "compute it again.",
        "A server's administrator could remove the newest changes with all their traces before a witness "
        "outside the lake has seen them.",
    )


def failure(findings: Sequence[AuditFinding]) -> AuditFailed | NotProved | None:
    """Return the error that findings amount to; None where there are none."""
    wrong = [finding for finding in findings if finding.proved]
    told = wrong or list(findings)
    if not told:
        return None
    first, more = told[0], f"; {len(told) - 1} more findings" if len(told) > 1 else ""
    where = first.commit[:12] or names.MAIN
    if not wrong:
        return NotProved(f"{first.invariant} is not proved: {first.what}{more}", where=where, todo=first.todo)
    return AuditFailed(f"{first.invariant} does not hold: {first.what}{more}", where=where, todo=first.todo)


def _first(lake: Lake, history: list[Commit], since: str, known: Mark | None, depth: Depth) -> int:
    """Return the place of the first commit to audit."""
    if since:
        start = lake.commit_of(since).id
        places = [place for place, commit in enumerate(history) if commit.id == start]
        if not places:
            raise InputError("is not in the history of main", where=since)
        return places[0] + 1
    if known is None or not known.depth.covers(depth):
        return 0
    digest = _start()
    for place, commit in enumerate(history):
        digest = _chained(digest, commit)
        if commit.id == known.commit:
            return place + 1 if digest == known.digest else 0
    return 0


def _start() -> str:
    return digest_of({"rules": _RULES})


def _chained(digest: str, commit: Commit) -> str:
    return digest_of([digest, commit.id])


class _Walk:
    """Goes through a history from its oldest commit on and knows what `main` held before each."""

    def __init__(self, ports: Ports, history: list[Commit], first: int) -> None:
        self._lake = lake = ports.lake
        self._common = (*COMMON, *statement_checks(ports.trust))
        self._signed = False
        self._lineage = Lineage()
        self._head = history[-1].id
        self.digest = _start()
        for commit in history[:first]:
            self._pass(commit)
        at = history[first - 1].id if first else ""
        self._champion = read_optional(lake, at, names.CHAMPION) if at else None
        self._policy = read_optional(lake, at, names.POLICY) if at else None
        self._enforced = read_optional(lake, at, names.ENFORCER) is not None if at else False
        self._by_identity = counts_by_identity(lake, at) if at else False

    def findings(self, commit: Commit, checks: Mapping[Kind, tuple[Check, ...]]) -> Iterator[AuditFinding]:
        """Yield what is wrong with the next commit."""
        if not commit.parents:
            yield from self._root(commit)
        else:
            subject = PromotionSubject(self._lake, commit, self._before(commit))
            for check in (*self._common, *self._own(commit, checks)):
                yield from ask(check, subject)
            self._read(subject)
        self._pass(commit)

    def _own(self, commit: Commit, checks: Mapping[Kind, tuple[Check, ...]]) -> tuple[Check, ...]:
        kind = kind_of(commit)
        return checks[kind] if kind else ()

    def _root(self, commit: Commit) -> Iterator[AuditFinding]:
        found = self._lake.list(commit.id)
        if found:
            yield AuditFinding(commit.id, "I3", f"main began with {len(found)} objects", "find out whose")

    def _before(self, commit: Commit) -> Before:
        return Before(
            commit=commit.parents[0],
            champion=self._champion,
            policy=self._policy,
            enforced=self._enforced,
            lineage=self._lineage,
            head=self._head,
            signed=self._signed,
            by_identity=self._by_identity,
        )

    def _read(self, subject: PromotionSubject) -> None:
        """Take over what a commit left, reading what it changed."""
        changed = {change.path for change in subject.changes}
        if names.CHAMPION in changed:
            self._champion = subject.read_optional(names.CHAMPION)
        if names.POLICY in changed:
            self._policy = subject.read_optional(names.POLICY)
        if names.ENFORCER in changed:
            self._enforced = subject.read_optional(names.ENFORCER) is not None
            self._by_identity = counts_by_identity(subject.lake, subject.commit.id)

    def _pass(self, commit: Commit) -> None:
        self.digest = _chained(self.digest, commit)
        self._lineage.add(commit)
        self._signed = self._signed or names.STATEMENT_KEY in commit.metadata
