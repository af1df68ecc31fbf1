"""The plan of a rollback: its target and what it drops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import InputError
from mlops.runs.main.state import MainState, lineage, promotions, read_main
from mlops.runs.ports import Change, Commit, Lake, Ports
from mlops.runs.record.promotion import check_promotion
from mlops.runs.records import Kind, RollbackRecord

#: Up to so many dropped objects are asked for one by one; for more, all raw data is listed.
_ASKED_ONE_BY_ONE = 50


@dataclass(frozen=True)
class RollbackPlan:
    """The plan of a rollback.

    Attributes:
        state: The state of `main` that the plan is based on.
        record: The record that would be committed.
        changes: Objects that would change on `main`, ascending by path.
    """

    state: MainState
    record: RollbackRecord
    changes: tuple[Change, ...]


def plan_rollback(
    ports: Ports, reason: str, to: int | None = None, *, forward: bool = False
) -> RollbackPlan | None:
    """Return the plan of a rollback now, or None where there is no earlier promotion.

    While promotions are on hold only an explicit target is accepted, so that the same command, repeated
    after a crash, does not go back twice.

    Args:
        ports: Dependencies.
        reason: The reason, for the record.
        to: Sequence number of the promotion to return to; the last one before the champion by default.
        forward: Whether to make a new commit with the old content; the gate configuration then stays as it
            is.

    Raises:
        InputError: ``to`` is not a promotion in the lineage of `main`, or its run was rolled back.
        Corrupt: The promotion is not signed although it must be, or differs from what was signed.
    """
    state = read_main(ports.lake)
    history = {int(c.metadata["number"]): c for c in promotions(ports.lake, state.head)}
    target = _target(state, history, to)
    if target is None:
        return None
    check_promotion(ports.lake, target, ports.trust)
    changes = _changes(ports.lake, state.head, target.id, forward=forward)
    if not changes:
        return None
    record = RollbackRecord(
        number=state.next_number,
        from_commit=state.head,
        to_commit=target.id,
        to_number=int(target.metadata["number"]),
        reason=reason,
        dropped_runs=_dropped_runs(ports.lake, state.head, target.id),
        dropped_arrivals=_dropped_arrivals(ports.lake, state.head, changes),
        requested_at_s=ports.clock.now_s(),
        forward=forward,
    )
    return RollbackPlan(state, record, changes)


def _target(state: MainState, history: Mapping[int, Commit], to: int | None) -> Commit | None:
    if to is None:
        current = state.champion.number if state.champion else 0
        lawful = [n for n, c in history.items() if n < current and _may_return(state, c.metadata["run_id"])]
        return None if state.on_hold or not lawful else history[max(lawful)]
    if to not in history:
        known = ", ".join(map(str, sorted(history))) or "none"
        back = f", or restore it: `mlops restore {to}`" if names.promotion_tag(to) in state.tags else ""
        raise InputError(
            f"promotion {to} is not in the history of main", todo=f"choose one of: {known}{back}"
        )
    run_id = history[to].metadata["run_id"]
    if state.is_revoked(run_id):
        raise InputError(
            f"run {run_id} of promotion {to} was rolled back",
            todo=f"send its outputs through the gate again: `mlops restore {to} --reason …`",
        )
    if state.is_forgotten(run_id):
        raise InputError(
            f"run {run_id} of promotion {to} was forgotten on request", todo="choose another promotion"
        )
    return history[to]


def _may_return(state: MainState, run_id: str) -> bool:
    return not state.is_revoked(run_id) and not state.is_forgotten(run_id)


def _changes(lake: Lake, head: str, target: str, *, forward: bool) -> tuple[Change, ...]:
    judges = (names.GATE, names.ACTIONS)
    return tuple(c for c in lake.diff(head, target) if not (forward and c.path.startswith(judges)))


def _dropped_runs(lake: Lake, head: str, target: str) -> tuple[str, ...]:
    dropped: list[str] = []
    for commit in lineage(lake, head):
        if commit.id == target:
            break
        if commit.metadata.get("kind") == Kind.PROMOTION:
            dropped.append(commit.metadata["run_id"])
    return tuple(dropped)


def _dropped_arrivals(lake: Lake, head: str, changes: tuple[Change, ...]) -> dict[str, str]:
    lost = [c.path for c in changes if c.path.startswith(names.RAW) and c.type in {"removed", "changed"}]
    if len(lost) <= _ASKED_ONE_BY_ONE:
        return {path: lake.stat(head, path).checksum for path in lost}
    checksums = {stat.path: stat.checksum for stat in lake.list(head, names.RAW)}
    return {path: checksums[path] for path in lost}
