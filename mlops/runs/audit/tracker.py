"""Checks of the links between `main` and the tracker, in both directions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from mlops.runs.audit.findings import AuditFinding
from mlops.runs.errors import TrackerDamaged, TrackerUnavailable
from mlops.runs.main.state import kind_of
from mlops.runs.ports import Commit, Ports
from mlops.runs.promotion.tracked import (
    Registry,
    TrackedRun,
    Version,
    altered,
    brought_model,
    expected,
)
from mlops.runs.records import Kind
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri

RECONCILE = "run `mlops reconcile`"
RESTORE = "find out who moved main; tags and the tracker record its commits"


@runtime_checkable
class Witness(Protocol):
    """Read access to the tracker's runs and versions; both methods raise `TrackerUnavailable`."""

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
    """Yield contradictions between `main` and the tracker.

    Args:
        ports: Dependencies.
        standing: The lineage of `main`, oldest first.
        explained: The commits of its whole history and those that recorded rollbacks dropped.
        witness: Reads the tracker.
    """
    if witness is None:
        yield AuditFinding("", "I15", "links with the tracker were not checked", "", proved=False)
        return
    model = ports.lake.repository
    try:
        runs, versions = witness.seen_runs(), witness.seen_versions(model)
        alias = ports.tracker.alias(model, CHAMPION_ALIAS)
        held = witness.tracked_runs() if isinstance(witness, Registry) else None
        aliases = witness.aliases(model) if isinstance(witness, Registry) else dict[str, str]()
    except TrackerDamaged as error:
        yield AuditFinding("", "I15", f"the tracker's store is damaged: {error}", error.todo)
        return
    except TrackerUnavailable as error:
        yield AuditFinding("", "I15", f"the tracker cannot be reached: {error}", error.todo, proved=False)
        return
    by_uri: dict[str, Version] = {}
    for version in versions:  # two who register at once both go by the lower number
        by_uri.setdefault(version.uri, version)
    promotions = [commit for commit in standing if kind_of(commit) is Kind.PROMOTION]
    alone = bool(promotions) and not brought_model(ports.lake, promotions[-1])
    for version in versions if alone else ():  # a repository holds models or data alone
        what = f"version {version.version} of {model} is registered, but main holds data without a model"
        yield AuditFinding("", "I15", what, RECONCILE)
    for commit in promotions:
        yield from _linked(commit, "" if alone else model_uri(model, commit.id), by_uri, runs)
        if held is not None:
            yield from _held(ports, commit, by_uri.get(model_uri(model, commit.id)), held)
    yield from _dangling(model, versions, runs, explained)
    yield from _extra(model, versions, explained)
    for other in sorted(aliases.keys() - {CHAMPION_ALIAS}):
        what = f"the alias {other} names version {aliases[other]}; nothing keeps it in sync with main"
        yield AuditFinding("", "I11", what, RECONCILE)
    current = by_uri.get(model_uri(model, promotions[-1].id)) if promotions and not alone else None
    if alias != (current.version if current else None):
        named = f"version {alias}" if alias else "no version"
        yield AuditFinding("", "I11", f"the alias {CHAMPION_ALIAS} names {named}", RECONCILE)


def _linked(
    commit: Commit, uri: str, by_uri: Mapping[str, Version], runs: Mapping[str, Mapping[str, str]]
) -> Iterator[AuditFinding]:
    """Yield links from a promotion to the tracker that are missing; without a model there is no address."""
    number, run_id = commit.metadata.get("number", ""), commit.metadata.get("run_id", "")
    if uri and uri not in by_uri:
        yield AuditFinding(commit.id, "I15", f"promotion {number} has no registered version", RECONCILE)
    tags = runs.get(run_id)
    if tags is None:
        yield AuditFinding(commit.id, "I15", f"the tracker has no run {run_id}", RECONCILE)
    elif tags.get("mlops.merge_commit") != commit.id:
        what = f"the tracker's run {run_id} does not name the commit that promoted it"
        yield AuditFinding(commit.id, "I15", what, RECONCILE)


def _held(
    ports: Ports, commit: Commit, version: Version | None, held: Mapping[str, TrackedRun]
) -> Iterator[AuditFinding]:
    """Yield differences between lake and tracker in a promotion's run and registered version."""
    number, run_id = commit.metadata.get("number", ""), commit.metadata.get("run_id", "")
    wanted, run = expected(ports.lake, commit), held.get(run_id)
    if wanted is None:
        return
    if run is not None:
        for what in wanted.differences(run):
            if not what.startswith("the tag mlops.merge_commit"):  # `_linked` says that
                yield AuditFinding(commit.id, "I15", f"in the tracker's run {run_id} {what}", RECONCILE)
    if version is not None:
        uri = model_uri(ports.lake.repository, commit.id)
        for what in altered(version, uri, wanted.version_tags, run.id if run else None):
            text = f"version {version.version}, of promotion {number}, {what}"
            yield AuditFinding(commit.id, "I15", text, RECONCILE)


def is_explained(version: Version, model: str, known: Collection[str]) -> bool:
    """Return whether a registered version names the model of a promotion that is or was on `main`."""
    prefix, suffix = model_uri(model, "\0").split("\0")
    commit = version.uri.removeprefix(prefix).removesuffix(suffix)
    return version.uri == model_uri(model, commit) and commit in known


def _extra(model: str, versions: Sequence[Version], known: Collection[str]) -> Iterator[AuditFinding]:
    """Yield versions without a promotion, and copies whose source is elsewhere."""
    for version in versions:
        if version.stored_at is not None and not is_explained(version, model, known):
            what = f"version {version.version} of {model} names {version.uri!r:.120}, not a promotion"
            yield AuditFinding("", "I15", what, RECONCILE)
        elif version.stored_at not in (None, version.uri):
            what = f"version {version.version} of {model} is fetched from {version.stored_at!r:.120}"
            yield AuditFinding("", "I15", what, RECONCILE)


def _dangling(
    model: str,
    versions: Sequence[Version],
    runs: Mapping[str, Mapping[str, str]],
    known: Collection[str],
) -> Iterator[AuditFinding]:
    """Yield commits that the tracker has seen on `main` and that `main` has no record of, newest first."""
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
        what = f"the tracker saw promotion {number or '?'} on main, which no rollback dropped"
        yield AuditFinding(commit, "I12", what, RESTORE)


def _whole(text: str) -> int:
    return int(text) if text.isdigit() else 0
