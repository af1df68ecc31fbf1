"""Checks of every commit of `main`, and of each kind of change except promotions."""

from __future__ import annotations

from collections.abc import Iterator

from mlops.runs import names
from mlops.runs.audit.findings import Check, Unprovable
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.errors import NotFound
from mlops.runs.gate.rules import rules_in_force
from mlops.runs.main.state import is_forward, read_json
from mlops.runs.records import Kind, RollbackRecord, lawful

_SHOWN = 3
_JUDGES = (names.GATE, names.ACTIONS)

GO_BACK = "roll back to a promotion before it (`mlops rollback --to N --reason …`)"
DELIVER_AGAIN = "deliver the arrival again, or roll back to a promotion before it"
BY_HAND = f"find out who changed main by hand; {GO_BACK}"
BY_POLICY = "check the gate configuration, and correct it with `mlops policy apply --reason …`"


def shown(things: list[str]) -> str:
    """Return the first few items as text, and the number of the others."""
    more = f" and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""
    return ", ".join(things[:_SHOWN]) + more


def _one_parent(subject: PromotionSubject) -> Iterator[str]:
    if len(subject.commit.parents) != 1:
        yield f"it has {len(subject.commit.parents)} parents: commits of a branch are reachable from main"


def _lawful_kind(subject: PromotionSubject) -> Iterator[str]:
    if subject.kind is None:
        paths = shown([change.path for change in subject.changes]) or "nothing"
        kind = subject.meta.get("kind")
        sort = f"of the kind {kind}" if kind else "of no kind"
        yield f"it is {sort}, not an allowed change; it changed {paths}"


def _no_strategy(subject: PromotionSubject) -> Iterator[str]:
    strategy = subject.meta.get(".lakefs.merge.strategy")
    if strategy is None:
        yield "it was made by no merge"
    elif strategy != "default":
        yield f"it was merged with the strategy {strategy}"


def _expected_head(subject: PromotionSubject) -> Iterator[str]:
    expected = subject.meta.get("expected_head")
    if expected != subject.before.commit:
        yield f"it was checked against {(expected or 'nothing')[:12]}, not against the head it follows"


def _own_paths(subject: PromotionSubject) -> Iterator[str]:
    """Yield paths that a commit of this kind may not change; the gate configuration is checked separately."""
    foreign = [
        change.path
        for change in subject.changes
        if not change.path.startswith(_JUDGES) and not _may(subject, change.path)
    ]
    if foreign:
        yield f"kind {subject.kind} may not change {shown(foreign)}"


def _may(subject: PromotionSubject, path: str) -> bool:
    if is_forward(subject.commit):
        return path != names.ROLLBACK
    return subject.kind is None or lawful(subject.kind, path)


def _judges_unchanged(subject: PromotionSubject) -> Iterator[str]:
    if subject.kind in {Kind.SETUP, Kind.POLICY}:
        return
    changed = [change.path for change in subject.changes if change.path.startswith(_JUDGES)]
    if changed:
        yield f"it changed the gate configuration: {shown(changed)}"


#: Asked of every commit.
COMMON = (
    Check("I3", BY_HAND, _lawful_kind),
    Check("I4", BY_HAND, _one_parent),
    Check("I5", BY_HAND, _no_strategy),
    Check("I6", BY_HAND, _expected_head),
    Check("I3", GO_BACK, _own_paths),
    Check("I10", BY_POLICY, _judges_unchanged),
)


def _set_up_once(subject: PromotionSubject) -> Iterator[str]:
    if subject.before.enforced:
        yield "main was set up already; the gate configuration changes only by a policy commit"


def _policy_with_reason(subject: PromotionSubject) -> Iterator[str]:
    if not subject.meta.get("reason", "").strip():
        yield "the gate configuration was changed without a reason"


def _judges_left(subject: PromotionSubject) -> Iterator[str]:
    for path in (names.POLICY, names.HOLDOUT_RULE, names.ENFORCER):
        try:
            subject.lake.stat(subject.commit.id, path)
        except NotFound:
            yield f"it left main without {path}"


def _rules_left(subject: PromotionSubject) -> Iterator[str]:
    """Prove that no enforcer of an earlier version comes back, whose rules would be easier to meet."""
    if any(change.path == names.ENFORCER for change in subject.changes):
        before, now = subject.before.rules, rules_in_force(subject.lake, subject.commit.id)
        fewer = (before.interval and not now.interval) or (before.by_identity and not now.by_identity)
        if fewer and now.judges:
            yield "it brings back an enforcer that judges by the rules of an earlier version"


def _guards_left(subject: PromotionSubject) -> Iterator[str]:
    """Yield the actions protecting tags and `main` that a change removed."""
    kept = {f"{names.ACTIONS}direct.yaml", f"{names.ACTIONS}tags.yaml"}
    for change in subject.changes:
        if change.type == "removed" and change.path in kept:
            yield f"it left main without {change.path}"


def _own_arrival(subject: PromotionSubject) -> Iterator[str]:
    arrival = subject.meta.get("arrival", "")
    for change in subject.changes:
        parsed = names.parse_raw_path(change.path)
        if change.type == "removed" or (parsed is not None and parsed.arrival != arrival):
            yield f"the ingest of {arrival or 'nothing'} changed {change.path} ({change.type})"


def _validated(subject: PromotionSubject) -> Iterator[str]:
    """Prove that the ingested data is the data that passed the suites."""
    evidence = subject.meta.get("evidence_commit", "")
    if not names.is_commit_id(evidence):
        yield "it names no commit with the results of its validation"
        return
    try:
        validation = subject.lake.commit_of(evidence)
    except NotFound as error:
        raise Unprovable("the commit with the results of its validation is gone") from error
    meta = validation.metadata
    if (meta.get("kind"), meta.get("outcome")) != ("ingest-validation", "passed"):
        yield f"its validation at {evidence[:12]} did not pass"
    if meta.get("arrival") != subject.meta.get("arrival"):
        yield f"another arrival was validated at {evidence[:12]}"
    came = {change.path for change in subject.changes}
    other = [c.path for c in subject.lake.diff(evidence, subject.commit.id, names.RAW) if c.path in came]
    if other:
        yield f"the ingested data is not the validated data: {shown(other)}"


def _no_freeze(subject: PromotionSubject) -> Iterator[str]:
    """Prove that no commit follows a freeze: a reset replaces it."""
    if not is_forward(subject.commit) and subject.commit.id != subject.before.head:
        yield "changes were merged on top of a rollback under way"


def _forward(subject: PromotionSubject) -> Iterator[str]:
    """Prove that a forward rollback brought the content of the promotion that it names."""
    if not is_forward(subject.commit):
        return
    to = subject.meta.get("to_commit", "")
    if to not in subject.before.lineage:
        yield f"it leads to {to[:12] or 'nothing'}, which was not in the history of main"
        return
    other = [
        change.path
        for change in subject.lake.diff(to, subject.commit.id)
        if not change.path.startswith(_JUDGES)
    ]
    if other:
        yield f"its content is not that of {to[:12]}: {shown(other)}"
    recorded = subject.meta.get("record_commit", "")
    record = RollbackRecord.from_json(read_json(subject.lake, recorded, names.ROLLBACK))
    named = (str(record.number), record.from_commit, record.to_commit)
    if named != (subject.meta.get("number"), subject.before.commit, to):
        yield "its record names another rollback"


#: Asked of commits of a kind, besides.
BY_KIND = {
    Kind.SETUP: (Check("I10", BY_POLICY, _set_up_once), Check("I10", BY_POLICY, _judges_left)),
    Kind.POLICY: (
        Check("I10", BY_POLICY, _policy_with_reason),
        Check("I10", BY_POLICY, _judges_left),
        Check("I10", BY_POLICY, _guards_left),
        Check("I10", BY_POLICY, _rules_left),
    ),
    Kind.INGEST: (
        Check("I7", GO_BACK, _own_arrival),
        Check("I3", DELIVER_AGAIN, _validated),
    ),
    Kind.ROLLBACK: (Check("I12", BY_HAND, _no_freeze), Check("I12", GO_BACK, _forward)),
}
