"""Reconcile: finish interrupted rollbacks, drop stray changes, and sync tags and MLflow with `main`.

Tags, registered versions and aliases are caches of `main`'s head; no decision is based on them. After
writing one, `main` is read again, and the update repeated until `main` has not changed, so that a slow
writer cannot leave an old champion behind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from mlops.runs import names
from mlops.runs.errors import Conflict, Frozen, InputError, MainMoved, NotFound, TrackerUnavailable, Unlawful
from mlops.runs.main.protection import CACHE_S, protect_main
from mlops.runs.main.record_tags import tag_events
from mlops.runs.main.state import MainState, promotions, read_main
from mlops.runs.main.versions import tag_versions
from mlops.runs.ports import Change, Commit, Lake, Ports
from mlops.runs.promotion.promote import Promotion
from mlops.runs.promotion.pull_requests import settle_pull_requests
from mlops.runs.promotion.tracked import expected, finite_metrics, outcome_tags, version_tags
from mlops.runs.record.witnesses import tell_witnesses
from mlops.runs.records import RollbackRecord
from mlops.runs.rollback.forward import announced, drop
from mlops.runs.rollback.reset import reset_main, settle_older
from mlops.runs.rollback.rollback import carry_out, rollback
from mlops.runs.upkeep.stray_changes import drop_staged

#: MLflow's name for what `main` holds.
CHAMPION_ALIAS = "champion"

_SHOWN = 3


def reconcile(ports: Ports, *, rounds: int = 20, patience_s: float = CACHE_S) -> list[str]:
    """Finish interrupted operations and update every cache; return a line for each action.

    Idempotent: a second call does nothing and returns nothing.

    Args:
        ports: Dependencies.
        rounds: How often `main` may move meanwhile.
        patience_s: Time for the server to enforce the protection of `main` after a rollback; with 0,
            completing the rollback is left to the next call, but the caches are still updated.

    Raises:
        Frozen: The server takes longer, so the rollback is not completed.
        MainMoved: `main` moved in every round.
    """
    done: list[str] = []
    for _ in range(rounds):
        state = read_main(ports.lake)
        if state.rollback is not None:
            done += _dropped(ports.lake.staged(names.MAIN))  # the reset does that on its way
            if _finish(ports, state, state.rollback, patience_s):
                done.append(
                    f"finished rollback {state.rollback.number} to promotion {state.rollback.to_number}"
                )
                continue
            if state.head == state.frozen:
                continue
        else:
            done += _dropped(drop_staged(ports))  # first: while anything is staged, nothing can be merged
            if _finish_forward(ports, state, done):
                continue
        try:
            done += _align(ports, state)
        except TrackerUnavailable:
            tell_witnesses(ports, state)  # nobody else waits for MLflow
            raise
        tell_witnesses(ports, dataclasses.replace(state, tags=ports.lake.tags()) if done else state)
        if ports.lake.head(names.MAIN) == state.head:
            return done
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run `mlops reconcile` again"
    )


def _finish(ports: Ports, state: MainState, record: RollbackRecord, patience_s: float) -> bool:
    """Finish a rollback under way; return whether it is completed.

    If `main` is at the target already, all earlier steps are done.
    """
    if state.frozen == state.head:
        settled = carry_out(ports, state.frozen, record, patience_s)
    else:
        settled = reset_main(ports, state.frozen, record, patience_s)
    if not settled and patience_s:
        raise Frozen(
            f"rollback {record.number} has moved main, but the server does not protect main yet",
            where=names.MAIN,
            todo="run `mlops reconcile` again in some seconds",
        )
    return settled


def _dropped(stray: Sequence[Change]) -> list[str]:
    paths = [change.path for change in stray]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return [f"dropped what was staged on main: {', '.join(paths[:_SHOWN])}{more}"] if paths else []


def _finish_forward(ports: Ports, state: MainState, done: list[str]) -> bool:
    """Carry out announced forward rollbacks, remove finished branches; return whether any was left."""
    found = announced(ports.lake, state)
    for entry in found:
        record = entry.record
        if entry.owed:
            # From `main` as it is now: it may have moved since. There may be nothing left to go back to.
            try:
                rollback(ports, record.reason, record.to_number, forward=True)
            except Frozen:
                return True  # that rollback is finished first; this one is still announced
            except InputError:
                pass
            done.append(f"finished the rollback to promotion {record.to_number} by a new commit")
        drop(ports.lake, entry.branch)
    return bool(found)


def _align(ports: Ports, state: MainState) -> list[str]:
    done: list[str] = []
    if protect_main(ports.lake):
        done.append("protected main")
    done += tag_events(ports.lake, state.head, state.tags)
    done += settle_older(ports.lake, state)
    done += settle_pull_requests(ports, state)
    if state.champion is None:
        return done + _no_champion(ports, state)
    promoted = next(promotions(ports.lake, state.head), None)
    if promoted is None:
        raise NotFound("main holds a champion that does not belong to a promotion", where=state.head[:12])
    done += _move_champion_tag(ports.lake, state, promoted.id)
    if not state.champion.has_model:
        _record_run(ports, promoted)
        return done + tag_versions(ports.lake) + _no_alias(ports, "main holds no model")
    done += _register(ports, state, promoted)
    return done


def _no_champion(ports: Ports, state: MainState) -> list[str]:
    done: list[str] = []
    if names.CHAMPION_TAG in state.tags:
        _delete_tag(ports.lake, names.CHAMPION_TAG)
        done.append("removed the champion tag: main has no champion")
    return done + _no_alias(ports, "main has no champion")


def _no_alias(ports: Ports, why: str) -> list[str]:
    model = ports.lake.repository
    if ports.tracker.alias(model, CHAMPION_ALIAS) is None:
        return []
    ports.tracker.set_alias(model, CHAMPION_ALIAS, None)
    return [f"removed the champion alias: {why}"]


def _move_champion_tag(lake: Lake, state: MainState, commit: str) -> list[str]:
    if state.tags.get(names.CHAMPION_TAG) == commit:
        return []
    if names.CHAMPION_TAG in state.tags:
        _delete_tag(lake, names.CHAMPION_TAG)
    try:
        lake.create_tag(names.CHAMPION_TAG, commit)
    except (Conflict, Unlawful):
        return []  # another process was first, or main has moved on: whoever comes last reads main again
    return [f"tagged {commit[:12]} as {names.CHAMPION_TAG}"]


def _delete_tag(lake: Lake, tag: str) -> None:
    try:
        lake.delete_tag(tag)
    except NotFound:
        return


def model_uri(repository: str, commit: str) -> str:
    """Return the address of a commit's model for MLflow: always with a commit id, never a movable name."""
    return f"lakefs://{repository}/{commit}/{names.MODEL.rstrip('/')}"


def _register(ports: Ports, state: MainState, promoted: Commit) -> list[str]:
    """Register every promotion in the lineage of `main`, and set the alias to the newest.

    The oldest is registered first, so that if one is registered, all earlier ones are.
    """
    tracker, model = ports.tracker, ports.lake.repository
    missing: list[Commit] = []
    version: str | None = None
    for commit in promotions(ports.lake, state.head):
        version = tracker.version_of(model, model_uri(model, commit.id))
        if version is not None:
            break
        missing.append(commit)
    done: list[str] = []
    for commit in reversed(missing):
        version = register_one(ports, commit)
        done.append(f"registered version {version} of {model} for promotion {commit.metadata['number']}")
    if tracker.alias(model, CHAMPION_ALIAS) != version:
        tracker.set_alias(model, CHAMPION_ALIAS, version)
        number = promoted.metadata["number"]
        done.append(f"alias {CHAMPION_ALIAS} of {model} is version {version}, promotion {number}")
    return done


def register_one(ports: Ports, promoted: Commit) -> str:
    """Record a promotion's commit in the tracker's run, register its model, and return the version.

    An existing version stays as it is.
    """
    tracker, model = ports.tracker, ports.lake.repository
    tags = version_tags(promoted)
    tracker_run = _record_run(ports, promoted)
    version = tracker.register(model, model_uri(model, promoted.id), tracker_run, tags)
    if tracker_run:
        tracker.record(tracker_run, tags={"mlops.model_version": version})
    return version


def _record_run(ports: Ports, promoted: Commit) -> str:
    """Record a promotion's commit in the tracker's run, if it has one; return the tracker's id of it."""
    tracker = ports.tracker
    tracker_run = tracker.find(promoted.metadata["run_id"]) or ""
    if tracker_run:
        # All of it, from the lake: whoever promoted may have died before telling the tracker.
        wanted = expected(ports.lake, promoted)
        known = dict(wanted.tags) if wanted else dict[str, str]()
        metrics = wanted.metrics if wanted else None
        tracker.record(tracker_run, metrics=metrics, tags=known | version_tags(promoted))
        tracker.finish(tracker_run, failed=False)
    return tracker_run


def record_promotion(ports: Ports, promotion: Promotion) -> None:
    """Record the outcome of a run in the tracker; `reconcile` registers the version and sets the alias."""
    tracker_run = ports.tracker.find(promotion.run.run_id)
    if tracker_run is None:
        return
    tags = outcome_tags(
        promotion.decision, str(promotion.number), promotion.evidence_commit, promotion.merge_commit
    )
    if promotion.waiting:
        tags["mlops.review"] = "waiting"
    ports.tracker.record(tracker_run, metrics=finite_metrics(promotion.decision), tags=tags)
    ports.tracker.finish(tracker_run, failed=False)
