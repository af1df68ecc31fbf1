"""Rolling back: `main` returns to the commit of an earlier promotion, data and model together.

`hard_reset` knows no expected head, so `main` is stopped first: a ``rollback.json`` is merged with
``expected_head``, and while the head holds one the enforcer refuses every merge. What is dropped is tagged
before `main` moves, so that it cannot come back. Whoever finds a frozen `main` can finish: every step may be
repeated, and the record says all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import Conflict, InputError, LakeDenied, MainMoved, NotFound
from mlops.runs.history import MainState, promotions, read_main
from mlops.runs.merging import merge_into_main
from mlops.runs.model import Kind, RollbackRecord
from mlops.runs.ports import Change, Lake, Ports

#: lakeFS caches protection rules for 3 to 6 s; after that an unprotected branch accepts a reset.
_PROTECTION_CACHE_S = 8.0
_RETRY_S = 0.25


@dataclass(frozen=True)
class RollbackPlan:
    """What a rollback would do.

    Attributes:
        state: `main` as the plan found it.
        record: What would be written down and carried out.
        changes: Objects that would change on `main`, ascending by path.
    """

    state: MainState
    record: RollbackRecord
    changes: tuple[Change, ...]


def plan_rollback(ports: Ports, reason: str, to: int | None = None) -> RollbackPlan | None:
    """Return what a rollback would do now, or None where there is nothing to go back to.

    While promotions are on hold a rollback has been made and not been followed up: then only a named target
    is gone back to, so that the same command, repeated after a crash, does not go back twice.

    Args:
        ports: The outside.
        reason: Why, for the record.
        to: Sequence number of the promotion to return to; the last one before the champion by default.

    Raises:
        InputError: ``to`` is no promotion in the history of `main`.
    """
    state = read_main(ports.lake)
    history = {int(c.metadata["number"]): c.id for c in promotions(ports.lake, state.head)}
    target = _target(state, history, to)
    if target is None:
        return None
    changes = tuple(ports.lake.diff(state.head, history[target]))
    record = RollbackRecord(
        number=state.next_number,
        from_commit=state.head,
        to_commit=history[target],
        to_number=target,
        reason=reason,
        dropped_runs=_dropped_runs(ports.lake, state.head, history[target]),
        dropped_arrivals=_dropped_arrivals(ports.lake, state.head, changes),
        requested_at_s=ports.clock.now_s(),
    )
    return RollbackPlan(state, record, changes)


def _target(state: MainState, history: dict[int, str], to: int | None) -> int | None:
    current = state.champion.number if state.champion else 0
    if to is None:
        return None if state.on_hold else max((n for n in history if n < current), default=None)
    if to not in history:
        known = ", ".join(map(str, sorted(history))) or "none"
        raise InputError(f"promotion {to} is not in the history of main", todo=f"choose one of: {known}")
    return None if history[to] == state.head else to


def _dropped_runs(lake: Lake, head: str, target: str) -> tuple[str, ...]:
    dropped: list[str] = []
    for commit in lake.log(head):
        if commit.id == target:
            break
        if commit.metadata.get("kind") == Kind.PROMOTION:
            dropped.append(commit.metadata["run_id"])
    return tuple(dropped)


def _dropped_arrivals(lake: Lake, head: str, changes: tuple[Change, ...]) -> dict[str, str]:
    lost = [c.path for c in changes if c.path.startswith(names.RAW) and c.type in {"removed", "changed"}]
    return {path: lake.stat(head, path).checksum for path in lost}


def rollback(ports: Ports, reason: str, to: int | None = None, *, rounds: int = 20) -> RollbackRecord | None:
    """Return `main` to an earlier promotion; None where there is nothing to go back to.

    Afterwards `main`'s head is that promotion's commit, the old head and the dropped runs are tagged, and
    promotions are on hold. Tags and MLflow follow by ``reconcile``.

    Raises:
        InputError: There is no such promotion.
        MainMoved: `main` moved in every round.
    """
    for _ in range(rounds):
        plan = plan_rollback(ports, reason, to)
        if plan is None:
            return None
        try:
            frozen = freeze(ports, plan)
        except (MainMoved, Conflict) as moved:
            ports.tell(f"main moved before it could be stopped: {moved.what}")
            continue
        carry_out(ports, frozen, plan.record)
        return plan.record
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run the same command again"
    )


def freeze(ports: Ports, plan: RollbackPlan) -> str:
    """Stop `main` by merging the rollback's record; return the frozen head."""
    lake, record = ports.lake, plan.record
    branch = names.rollback_branch(record.number)
    if branch in lake.branches(branch):
        lake.delete_branch(branch)  # left by a process that died before its freeze was merged
    lake.create_branch(branch, plan.state.head)
    lake.write(branch, names.ROLLBACK, document(record.to_json()))
    source = lake.commit(branch, f"Record rollback {record.number}", {"kind": "rollback-record"})
    metadata = {
        "kind": str(Kind.ROLLBACK),
        "expected_head": plan.state.head,
        "number": str(record.number),
        "to_commit": record.to_commit,
        "reason": record.reason,
    }
    message = f"Roll back to promotion {record.to_number}: {record.reason}"
    return merge_into_main(lake, source, message, metadata)


def carry_out(ports: Ports, frozen: str, record: RollbackRecord) -> None:
    """Finish a rollback whose freeze is the head of `main`; every step may have been done before."""
    lake = ports.lake
    _tag_dropped(lake, frozen, record)
    _unprotect(lake)
    _patiently(ports, lambda: lake.discard(names.MAIN))
    _patiently(ports, lambda: _reset(lake, frozen, record))
    protect_main(lake)
    ports.tell(f"main: back at promotion {record.to_number} ({record.to_commit[:12]})")


def _tag_dropped(lake: Lake, frozen: str, record: RollbackRecord) -> None:
    ensure_tag(lake, names.rollback_tag(record.number), frozen)
    _tag_promotions(lake, frozen, record.to_commit)
    for run_id in record.dropped_runs:
        ensure_tag(lake, names.revoked_tag(run_id), frozen, anywhere=True)
    ensure_tag(lake, names.HOLD_TAG, frozen, anywhere=True)


def _tag_promotions(lake: Lake, frozen: str, target: str) -> None:
    """Tag the dropped promotions that are not yet; afterwards they are on no branch any more."""
    tagged = set(lake.tags("promotion-").values())
    for commit in promotions(lake, frozen):
        if commit.id == target:
            return
        if commit.id not in tagged:
            ensure_tag(lake, names.promotion_tag(int(commit.metadata["number"])), commit.id)


def ensure_tag(lake: Lake, tag: str, commit: str, *, anywhere: bool = False) -> bool:
    """Make sure a tag exists at a commit (or, with ``anywhere``, at all); return whether it was created.

    Raises:
        Conflict: It exists at another commit.
    """
    try:
        lake.create_tag(tag, commit)
    except Conflict:
        at = lake.tags(tag).get(tag)
        if at != commit and not anywhere:
            raise
        return False
    return True


def _reset(lake: Lake, frozen: str, record: RollbackRecord) -> None:
    # Somebody else may have finished this rollback, and main may have moved on since.
    if lake.head(names.MAIN) == frozen:
        lake.hard_reset(names.MAIN, record.to_commit)


def _patiently(ports: Ports, call: Callable[[], None]) -> None:
    """Call until the server has noticed that `main` is not protected any more."""
    waited = 0.0
    while True:
        try:
            return call()
        except LakeDenied:
            if waited >= _PROTECTION_CACHE_S:
                raise
            ports.clock.sleep(_RETRY_S)
            waited += _RETRY_S


def _unprotect(lake: Lake) -> None:
    rules = lake.protection()
    rest = [pattern for pattern in rules.patterns if pattern != names.MAIN]
    if len(rest) != len(rules.patterns):
        lake.protect(rest, rules.version)


def protect_main(lake: Lake) -> bool:
    """Make sure that `main` is protected; return whether it had to be."""
    rules = lake.protection()
    if names.MAIN in rules.patterns:
        return False
    lake.protect([*rules.patterns, names.MAIN], rules.version)
    return True


def resume(ports: Ports, reason: str) -> bool:
    """Lift the hold that a rollback left; return whether there was one.

    The reason is noted on the registered model first: a hold is never lifted without a word.
    """
    state = read_main(ports.lake)
    if not state.on_hold:
        return False
    numbers = [names.event_number(tag) or 0 for tag in state.tags if names.is_rollback_tag(tag)]
    note = f"mlops.resumed-{max(numbers, default=0):06d}"
    ports.tracker.note(ports.lake.repository, note, f"{ports.clock.now_s()} {reason}"[:1000])
    with suppress(NotFound):  # somebody else was first
        ports.lake.delete_tag(names.HOLD_TAG)
    ports.tell(f"promotions resumed: {reason}")
    return True
