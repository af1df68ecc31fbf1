"""What must hold after every step, and what a violation is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.main.state import is_forward, kind_of, lineage
from mlops.runs.ports import Commit
from mlops.runs.promotion.promote import Promotion
from mlops.runs.record.checks import requires_signatures
from mlops.runs.records import Kind
from tests.model.anomalies import Anomaly
from tests.model.lake import ModelLake
from tests.model.merged import check_merged, json_at
from tests.model.state import Actor, Past, State, but


def check_step(before: State, after: State, actor: Actor | None) -> State:
    """Return the state with what happened noted, or raise `Anomaly`."""
    old, new = before.lake.head(names.MAIN), after.lake.head(names.MAIN)
    past = after.past
    if before.lake._tags != after.lake._tags:
        _tagged(before.lake, after.lake)
    if old != new:
        past = _moved(before, after, old, new, actor)
    if past.held and names.HOLD_TAG in before.lake._tags and names.HOLD_TAG not in after.lake._tags:
        past = but(past, held=False)
    return after if past is after.past else but(after, past=past)


_RECORDS = ("promotion-", "rolledback-", "settled-", "decision-", "revoked-", "restored-", "rejected-")


def _tagged(before: ModelLake, after: ModelLake) -> None:
    """Check a change of tags."""
    lost = [t for t, c in before._tags.items() if t.startswith(_RECORDS) and after._tags.get(t) != c]
    if lost:
        raise Anomaly("lost record", ", ".join(lost))
    for tag in after._tags.keys() - before._tags.keys():
        if names.settled_number(tag) is not None:
            _settled(after, after._tags[tag])
    champion = after._tags.get(names.CHAMPION_TAG)
    if champion is not None and champion != before._tags.get(names.CHAMPION_TAG):
        on_main = after.contents(after.head(names.MAIN)).get(names.CHAMPION)
        if after.contents(champion).get(names.CHAMPION) != on_main:
            raise Anomaly("misplaced tag", f"champion at {champion[:8]}")


def _settled(lake: ModelLake, frozen: str) -> None:
    """Check that a rollback is said to be over when `main` is where it leads."""
    if json_at(lake, frozen, names.ROLLBACK)["to_commit"] != lake.head(names.MAIN):
        raise Anomaly("settled too early", f"main is at {lake.head(names.MAIN)[:8]}")


def _moved(before: State, after: State, old: str, new: str, actor: Actor | None) -> Past:
    lake, commit = after.lake, after.lake.commit_of(new)
    if commit.parents[:1] == (old,) and new not in _left_behind(lake):
        if _returned(after, commit) and (actor is None or not actor.node.program.explicit):
            raise Anomaly("returned arrival", ", ".join(p for p, _ in sorted(_returned(after, commit))))
        _signed(lake, commit, old)
        check_merged(lake, commit, old)
        return _landed(after, commit, actor)
    return _dropped(before, after, old, new)


def _signed(lake: ModelLake, commit: Commit, old: str) -> None:
    """Check that a change bears a statement where the policy before it requires one."""
    required = requires_signatures(lake.contents(old)[names.POLICY].data)
    if required and names.STATEMENT_KEY not in commit.metadata:
        raise Anomaly("unsigned change", commit.message)


def _behind(lake: ModelLake, head: str) -> list[str]:
    return [c.id for c in lake.log(head)]


def _left_behind(lake: ModelLake) -> set[str]:
    """Return what had been on `main` when rollbacks stopped it: resets lead nowhere else."""
    return {c for frozen in lake.tags_of(("rolledback-",)).values() for c in _behind(lake, frozen)}


def _landed(after: State, commit: Commit, actor: Actor | None) -> Past:
    past, meta = after.past, commit.metadata
    kind = kind_of(commit)
    if kind in {Kind.PROMOTION, Kind.ROLLBACK}:
        number = int(meta["number"])
        if number in past.numbers:
            raise Anomaly("number used twice", f"{number}: {commit.message}")
        past = but(past, numbers=past.numbers | {number})
    if kind is Kind.PROMOTION:
        if names.rejected_tag(meta["run_id"]) in after.lake._tags:
            raise Anomaly("promoted after rejection", commit.message)
        past = _promoted(past, commit, actor)
    if kind is Kind.ROLLBACK and actor is not None:
        request = f"{actor.node.program.name}: {meta['reason']}"
        if request in past.requests:
            raise Anomaly("rolled back twice", commit.message)
        past = but(past, requests=past.requests | {request})
    if is_forward(commit):
        record = json_at(after.lake, commit.metadata["record_commit"], names.ROLLBACK)
        return _lost(after, past, commit.parents[0], commit.metadata["to_commit"], record)
    return but(past, dropped_arrivals=past.dropped_arrivals - _returned(after, commit))


def _returned(after: State, commit: Commit) -> set[tuple[str, str]]:
    """Return the dropped deliveries that are there again with a merge; a rollback brings back what was."""
    if not after.past.dropped_arrivals or is_forward(commit):
        return set()
    tree = after.lake.contents(commit.id)
    return {
        (p, sha256(e.data)) for p, e in tree.items() if p.startswith(names.RAW)
    } & after.past.dropped_arrivals


def _promoted(past: Past, commit: Commit, actor: Actor | None) -> Past:
    run = commit.metadata["run_id"]
    if run in past.dropped_runs:
        raise Anomaly("resurrection", commit.message)
    if run in past.promoted:
        raise Anomaly("promoted twice", commit.message)
    if past.held:
        raise Anomaly("promoted on hold", commit.message)
    if actor is not None and actor.attempts:
        parsed = [p for p in map(names.parse_run_branch, actor.attempts) if p is not None and p.run_id == run]
        mine = max((names.parse_run_branch(b).attempt for b in own_attempts(actor, run)), default=0)  # type: ignore[union-attr]
        if mine and max(p.attempt for p in parsed) > mine:
            raise Anomaly("fenced attempt", f"attempt {mine}: {commit.message}")
    return but(past, promoted=past.promoted | {run})


def own_attempts(actor: Actor, run: str) -> list[str]:
    """Return the branches of attempts of a run that an actor itself writes to."""
    return [b for b in actor.node.start.overlay._branches if b.startswith(names.run_branch_prefix(run))]


def _dropped(before: State, after: State, old: str, new: str) -> Past:
    """Note what a move of `main` that is no merge took off it; it must be the rollback on record.

    Until that is settled, the reset of an earlier rollback may come late: `main` is moved once more then, and
    nothing may be lost by it that came since.
    """
    lake = before.lake
    frozen, been = _under_way(lake, old), _left_behind(lake) | set(_behind(lake, old))
    record = json_at(lake, frozen, names.ROLLBACK) if frozen else None
    if record is None or new not in been or old not in {*_left_behind(lake), frozen}:
        raise Anomaly("unrecorded drop", f"main went from {old[:8]} to {new[:8]}")
    if old != frozen:
        return after.past
    if record["to_commit"] not in _behind(lake, old):
        raise Anomaly("unrecorded drop", f"main went from {old[:8]} to {new[:8]}")
    return _lost(before, after.past, old, record["to_commit"], record)


def _under_way(lake: ModelLake, head: str) -> str:
    """Return the freeze of the rollback that may move `main`; nothing where there is none."""
    if json_at(lake, head, names.ROLLBACK) is not None:
        return head
    tagged = lake.tags_of(("rolledback-",))
    newest = max(tagged, default="")
    settled = names.settled_tag(names.event_number(newest) or 0) in lake._tags
    return "" if settled or not newest else tagged[newest]


def _lost(state: State, past: Past, old: str, target: str, record: Any) -> Past:
    """Note what a rollback drops, and check that it said so and barred it before."""
    lake = state.lake
    lost = [c for c in _until(lake, old, target) if kind_of(c) is Kind.PROMOTION]
    runs = {c.metadata["run_id"] for c in lost}
    if not runs <= set(record["dropped_runs"]):
        raise Anomaly("unrecorded drop", f"runs {', '.join(sorted(runs))}")
    barred = {names.parse_revoked_tag(tag) for tag in lake.tags("revoked-")}
    if not runs <= barred:
        raise Anomaly("unbarred drop", f"runs {', '.join(sorted(runs))}")
    kept = lake.contents(target)
    gone = {
        (p, sha256(e.data))
        for p, e in lake.contents(old).items()
        if p.startswith(names.RAW) and kept.get(p) != e
    }
    if not {p for p, _ in gone} <= set(record["dropped_arrivals"]):
        raise Anomaly("unrecorded drop", ", ".join(sorted(p for p, _ in gone)))
    return but(
        past,
        held=True,
        dropped_runs=past.dropped_runs | runs,
        dropped_arrivals=past.dropped_arrivals | gone,
    )


def _until(lake: ModelLake, head: str, end: str) -> Iterable[Commit]:
    for commit in lineage(lake, head):
        if commit.id == end:
            return
        yield commit


def check_end(state: State, actor: Actor) -> None:
    """Check how an actor ended."""
    result = actor.node.result
    if actor.node.failure not in {"", "LakeUnavailable", *actor.node.program.errors}:
        raise Anomaly("undue error", f"{actor.name}: {actor.node.failure}: {result}")
    if isinstance(result, Promotion) and not result.merge_commit:
        if names.revoked_tag(result.run.run_id) in state.lake.tags():
            return
        on_main = [c.metadata.get("run_id") for c in state.lake.log(names.MAIN)]
        if result.run.run_id in on_main:
            raise Anomaly("winner told it lost", f"{actor.name}: {result.decision.verdict.sentence}")
