"""The audit of `main`: every commit of its history is verified from the stored objects.

The enforcer checks a merge while it is made, but lakeFS reads its rules from the source branch of the merge.
A branch without rules, or an administrator, can bypass it. The audit therefore trusts no claim of a commit
about itself: it derives kinds, paths, heads, records, checksums and verdicts again, from the oldest commit
on. State that can change later (tags, protection, the tracker) is checked by `mlops.runs.audit.record`, in
every audit.

Every audit checks that recorded numbers agree with each other. On request it also computes them again: it
loads the models and predicts (``rescore``), makes the rows from raw data and validates them (``rebuild``),
and trains the models (``refit``), without re-using anything recorded. No audit can prove that raw data is
true, or that an administrator of the server has not rewritten history together with every tag and the
tracker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit.commits import COMMON
from mlops.runs.audit.findings import AuditFinding, Check, ask
from mlops.runs.audit.promotions import checks_by_kind
from mlops.runs.audit.record import record_findings
from mlops.runs.audit.subject import SHALLOW, Before, Depth, Lineage, PromotionSubject, Prover
from mlops.runs.audit.tracker import Version, Witness
from mlops.runs.digest import digest_of
from mlops.runs.errors import AuditFailed, InputError, NotProved
from mlops.runs.gate.rules import NO_RULES, rules_in_force
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
_RULES = 5

#: How often an audit goes on with what came to `main` meanwhile.
_ROUNDS = 20


@dataclass(frozen=True)
class Mark:
    """A position up to which a history was found clean.

    Attributes:
        commit: The last commit that was audited.
        digest: Digest over the rules of the audit and every commit id up to it, oldest first.
        depth: The depth of the audit that found it clean.
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
        commit: The audited commit; None for the step that audits tags, protection and tracker.
        findings: What was found.
        mark: The position up to which everything is clean; None after a finding or an incomplete check.
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
    """Audit `main` commit by commit, oldest first, then its tags, protection and tracker.

    Args:
        ports: Dependencies.
        prover: The proofs that need tables and models; without it those are reported as not proved.
        witness: Reads the tracker; without it links with the tracker are reported as not proved.
        since: A ref in the history of `main`; only later commits are audited, and the record.
        depth: Selects what is computed again.
        known: Position up to which an earlier audit found everything clean; commits before it are skipped.

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
    """Return the limits of an audit without findings, a sentence each."""
    return (
        *(sentence for name, sentence in _DEEPER.items() if not getattr(depth, name)),
        "Raw data is taken as it was delivered.",
        "An arrival that was removed from main by hand is noticed only if a promotion followed it.",
        "The holder of a signing key can sign false statements; --rescore, --rebuild and --refit "
        "compute them again.",
        "A server's administrator could remove the newest changes with all their traces before a witness "
        "outside the lake has seen them.",
    )


def failure(findings: Sequence[AuditFinding]) -> AuditFailed | NotProved | None:
    """Return the error for the findings; None where there are none."""
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
    """Return the index of the first commit to audit."""
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
    """A walk through a history from its oldest commit, with the state of `main` before each commit."""

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
        self._rules = rules_in_force(lake, at) if at else NO_RULES

    def findings(self, commit: Commit, checks: Mapping[Kind, tuple[Check, ...]]) -> Iterator[AuditFinding]:
        """Yield the findings about the next commit."""
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
            rules=self._rules,
        )

    def _read(self, subject: PromotionSubject) -> None:
        """Update the state of `main` with the changes of a commit."""
        changed = {change.path for change in subject.changes}
        if names.CHAMPION in changed:
            self._champion = subject.read_optional(names.CHAMPION)
        if names.POLICY in changed:
            self._policy = subject.read_optional(names.POLICY)
        if names.ENFORCER in changed:
            self._enforced = subject.read_optional(names.ENFORCER) is not None
            self._rules = rules_in_force(subject.lake, subject.commit.id)

    def _pass(self, commit: Commit) -> None:
        self.digest = _chained(self.digest, commit)
        self._lineage.add(commit)
        self._signed = self._signed or names.STATEMENT_KEY in commit.metadata
