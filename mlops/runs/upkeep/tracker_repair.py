"""Repair of the tracker's entries from `main`: runs, registered versions and aliases.

The tracker has no guards: anybody who can write to its database can change any entry. Fields that can be
set are corrected; an entry with wrong immutable fields (parameters, sources, links) is replaced by a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops.runs import names
from mlops.runs.audit.record import Record
from mlops.runs.audit.tracker import is_explained
from mlops.runs.main.state import promotions
from mlops.runs.ports import Commit, Ports
from mlops.runs.promotion.tracked import (
    RECORDED_AGAIN,
    Expected,
    Registry,
    TrackedRun,
    Version,
    altered,
    brought_model,
    expected,
)
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri, reconcile, register_one


def restore_tracker(ports: Ports) -> list[str]:
    """Replace entries of the tracker that contradict the lake; return a line for each action.

    Idempotent: a second call returns nothing. Branches, tags and the champion's alias are left to
        `reconcile`, which the caller runs again if anything was replaced.
    """
    if not isinstance(ports.tracker, Registry):
        return []
    done = list(_restored(ports, ports.tracker))
    return done + reconcile(ports) if done else []


def _restored(ports: Ports, registry: Registry) -> Iterator[str]:
    lake, model = ports.lake, ports.lake.repository
    head = lake.head(names.MAIN)
    yield from _drop_foreign(ports, registry, head)
    runs, alone = registry.tracked_runs(), _holds_data_alone(ports, head)
    versions: dict[str, Version] = {}
    for version in registry.seen_versions(model):
        versions.setdefault(version.uri, version)
    for commit in reversed(list(promotions(lake, head))):
        wanted = expected(lake, commit)
        if wanted is None:
            continue
        run, replaced = _restore_run(ports, registry, wanted, runs.get(wanted.run.run_id))
        yield from replaced
        if not alone:
            yield from _restore_version(ports, registry, commit, wanted, run, versions)


def _drop_foreign(ports: Ports, registry: Registry, head: str) -> Iterator[str]:
    """Remove versions without a promotion, and aliases that are not kept in sync with `main`."""
    model = ports.lake.repository
    record = Record(ports.lake, list(ports.lake.log(head))[::-1], ports.lake.tags())
    known, alone = record.known.keys(), _holds_data_alone(ports, head)
    for version in registry.seen_versions(model):
        foreign = alone or not is_explained(version, model, known)
        if foreign or version.stored_at not in (None, version.uri) or version.stage:
            registry.unregister(model, version.version)
            yield f"removed version {version.version} of {model}, which did not belong to a promotion"
    for alias in sorted(registry.aliases(model).keys() - {CHAMPION_ALIAS}):
        ports.tracker.set_alias(model, alias, None)
        yield f"removed the alias {alias} of {model}"


def _holds_data_alone(ports: Ports, head: str) -> bool:
    newest = next(promotions(ports.lake, head), None)
    return newest is not None and not brought_model(ports.lake, newest)


def _restore_run(
    ports: Ports, registry: Registry, wanted: Expected, found: TrackedRun | None
) -> tuple[str, list[str]]:
    """Correct or replace a promotion's run; return its id in the tracker and the actions taken."""
    run_id, tracker = wanted.run.run_id, ports.tracker
    if found is not None and not list(wanted.differences(found)):
        return found.id, []
    if found is None or list(wanted.immutable_differences(found)):
        if found is not None:
            registry.discard(found.id)
        tracker_run = tracker.begin(wanted.run, {RECORDED_AGAIN: ports.nonce()})
        done = f"recorded run {run_id} again"
    else:
        tracker_run, done = found.id, f"corrected metrics and tags of run {run_id}"
    tracker.record(tracker_run, metrics=wanted.metrics, tags=wanted.tags)
    tracker.finish(tracker_run, failed=False)
    return tracker_run, [done]


def _restore_version(
    ports: Ports,
    registry: Registry,
    commit: Commit,
    wanted: Expected,
    tracker_run: str,
    versions: Mapping[str, Version],
) -> Iterator[str]:
    model = ports.lake.repository
    uri, number = model_uri(model, commit.id), commit.metadata["number"]
    found = versions.get(uri)
    if found is not None:
        if not list(altered(found, uri, wanted.version_tags, tracker_run)):
            return
        registry.unregister(model, found.version)
    version = register_one(ports, commit)
    yield f"registered version {version} of {model} for promotion {number}"
