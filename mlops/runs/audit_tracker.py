"""Links between `main` and the tracker, in both directions, and what the tracker has seen of `main`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mlops.runs.audit_subject import AuditFinding
from mlops.runs.errors import TrackerUnavailable
from mlops.runs.history import kind_of
from mlops.runs.model import Kind
from mlops.runs.ports import Commit, Ports
from mlops.runs.reconcile import CHAMPION_ALIAS, model_uri

RECONCILE = "run `mlops reconcile`"
RESTORE = "find out who moved main; tags and the tracker say what it held"


@dataclass(frozen=True)
class Version:
    """A registered version of the model.

    Attributes:
        version: Its number, as text.
        uri: Where its model lies.
        tags: Its tags.
    """

    version: str
    uri: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@runtime_checkable
class Witness(Protocol):
    """What the tracker has seen; both raise `TrackerUnavailable`."""

    def seen_runs(self) -> Mapping[str, Mapping[str, str]]:
        """Return run id to tags, for every run of the pipeline."""
        ...

    def seen_versions(self, model: str) -> Sequence[Version]:
        """Return every registered version of a model, the lowest first; none where there is no such model."""
        ...


def tracker_findings(
    ports: Ports,
    standing: Sequence[Commit],
    explained: Collection[str],
    witness: Witness | None,
) -> Iterator[AuditFinding]:
    """Yield what `main` and the tracker do not say alike.

    Args:
        ports: The outside.
        standing: The commits that `main` stands on, oldest first.
        explained: The commits of its whole history, and those that a rollback on record dropped.
        witness: What the tracker has seen.
    """
    if witness is None:
        yield AuditFinding("", "I15", "links with the tracker were not looked at", "", proved=False)
        return
    try:
        runs, versions = witness.seen_runs(), witness.seen_versions(ports.lake.repository)
        alias = ports.tracker.alias(ports.lake.repository, CHAMPION_ALIAS)
    except TrackerUnavailable as error:
        yield AuditFinding("", "I15", f"the tracker cannot be asked: {error}", error.todo, proved=False)
        return
    by_uri: dict[str, Version] = {}
    for version in versions:  # two who register at once both go by the lower number
        by_uri.setdefault(version.uri, version)
    promotions = [commit for commit in standing if kind_of(commit) is Kind.PROMOTION]
    for commit in promotions:
        yield from _linked(commit, model_uri(ports.lake.repository, commit.id), by_uri, runs)
    yield from _dangling(ports.lake.repository, versions, runs, explained)
    current = by_uri.get(model_uri(ports.lake.repository, promotions[-1].id)) if promotions else None
    if alias != (current.version if current else None):
        stands = f"at version {alias}" if alias else "nowhere"
        yield AuditFinding("", "I11", f"the alias {CHAMPION_ALIAS} stands {stands}", RECONCILE)


def _linked(
    commit: Commit, uri: str, by_uri: Mapping[str, Version], runs: Mapping[str, Mapping[str, str]]
) -> Iterator[AuditFinding]:
    """Yield what is missing on the way from a promotion to the tracker."""
    number, run_id = commit.metadata.get("number", ""), commit.metadata.get("run_id", "")
    if uri not in by_uri:
        yield AuditFinding(commit.id, "I15", f"promotion {number} has no registered version", RECONCILE)
    tags = runs.get(run_id)
    if tags is None:
        what = f"the tracker has no run {run_id}"
        yield AuditFinding(commit.id, "I15", what, "nothing brings it back: note it")
    elif tags.get("mlops.merge_commit") != commit.id:
        what = f"the tracker's run {run_id} does not name the commit that promoted it"
        yield AuditFinding(commit.id, "I15", what, RECONCILE)


def _dangling(
    model: str,
    versions: Sequence[Version],
    runs: Mapping[str, Mapping[str, str]],
    known: Collection[str],
) -> Iterator[AuditFinding]:
    """Yield what the tracker has seen on `main` and `main` has no record of, the newest first."""
    prefix, suffix = model_uri(model, "\0").split("\0")
    seen = {
        version.uri.removeprefix(prefix).removesuffix(suffix): version.tags.get("mlops.number", "")
        for version in versions
    }
    seen |= {
        tags["mlops.merge_commit"]: tags.get("mlops.number", "")
        for tags in runs.values()
        if tags.get("mlops.merge_commit")
    }
    lost = {commit: number for commit, number in seen.items() if commit not in known}
    for commit, number in sorted(lost.items(), key=lambda entry: (-_whole(entry[1]), entry[0])):
        what = f"the tracker saw promotion {number or '?'} on main, which no rollback took off it"
        yield AuditFinding(commit, "I12", what, RESTORE)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0
