"""The reset of a rollback, and its completion, which the tag ``settled-<number>`` records once.

A reset request has no expected head. One that was sent for a rollback may arrive late and act whenever
`main` is unprotected. That is harmless as long as nothing else is merged into `main` at such a moment.
Therefore:

- The enforcer refuses every merge while the newest rollback is not completed, protected or not.
- Protection is lifted only for a rollback that is not completed, and only if the rules are still those that
  were read *before* its completion was checked. Each lifting and restoring adds its own pattern, the marker
  ``rolledback-<number>-<nonce>``, which matches no branch. So no two sets of rules are equal, and rules that
  were read before a rollback was completed never recur.
- Once the server enforces rules with a marker of this rollback, `main` cannot move any more: nothing is
  merged and no reset is accepted. If `main` is at the target *then*, the rollback is completed. If not, a
  late reset of an earlier rollback has moved it: protection is lifted again and the reset is repeated.
- The target of a reset is named by a branch made for it alone. Code that lifts protection while no rollback
  is under way (`mlops.runs.upkeep.stray_changes`) deletes these branches first, so that late resets fail.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict, LakeDenied, NotFound, Unlawful
from mlops.runs.main.protection import CACHE_S, RETRY_S, is_marked, lift, protect_marked
from mlops.runs.main.record_tags import ensure_tag
from mlops.runs.main.state import MainState, read_json
from mlops.runs.ports import Lake, Ports, Protection
from mlops.runs.records import RollbackRecord
from mlops.runs.rollback.forward import drop


def reset_main(ports: Ports, frozen: str, record: RollbackRecord, patience_s: float) -> bool:
    """Reset `main` to the target of a rollback unless that is completed; return whether it is completed.

    `main` is at the target and protected in either case. The rollback is not completed if the server takes
    longer than ``patience_s`` to enforce the protection again; then the next command completes it.

    Raises:
        LakeDenied: The server does not lift the protection of `main` in time.
    """
    lake, settled = ports.lake, names.settled_tag(record.number)
    denied_s = heedless_s = 0.0
    while True:
        rules = lake.protection()
        if settled in lake.tags(settled):  # asked only now: what is lifted below was read before
            return True
        if names.MAIN not in rules.patterns:
            denied_s += _move(ports, rules, record, last=denied_s >= CACHE_S)
        elif not is_marked(rules, record.number):
            lift(lake, rules, record.number, ports.nonce())
        elif not _is_heeded(lake):
            if heedless_s >= patience_s:
                return False
            ports.clock.sleep(RETRY_S)
            heedless_s += RETRY_S
        elif lake.head(names.MAIN) == record.to_commit:
            ensure_tag(lake, settled, frozen)
            return True
        elif settled not in lake.tags(settled):  # else it may be further on by now
            lift(lake, rules, record.number, ports.nonce())


def _move(ports: Ports, rules: Protection, record: RollbackRecord, *, last: bool) -> float:
    """Reset and protect `main`, or wait for the server to lift the protection; return the time waited."""
    lake = ports.lake
    try:
        lake.discard(names.MAIN)
        moved = _reset(ports, record)
    except LakeDenied:
        if last:
            raise
        ports.clock.sleep(RETRY_S)
        return RETRY_S
    if moved:
        protect_marked(lake, rules, record.number, ports.nonce())
    return 0.0


def _reset(ports: Ports, record: RollbackRecord) -> bool:
    """Reset `main` to a branch that exists only for this rollback; return whether it was reset."""
    lake, settled = ports.lake, names.settled_tag(record.number)
    branch = names.rollback_branch(record.number, ports.nonce())
    lake.create_branch(branch, record.to_commit)
    try:
        if settled in lake.tags(settled):  # who takes such branches away may have looked before this one was
            return False
        lake.hard_reset(names.MAIN, branch)
    except NotFound:
        return False
    finally:
        drop(lake, branch)
    return True


def _is_heeded(lake: Lake) -> bool:
    """Return whether the server enforces the protection of `main` by now, without moving anything."""
    try:
        lake.discard(names.MAIN)
    except LakeDenied:
        return True
    return False


def withdraw_resets(lake: Lake, tags: Mapping[str, str]) -> None:
    """Delete the target branches of recorded rollbacks, so that late resets cannot move `main`."""
    for branch, commit in lake.branches(names.ROLLBACK_BRANCHES).items():
        frozen = tags.get(names.rollback_tag(names.rollback_number(branch) or 0))
        if frozen is not None and read_json(lake, frozen, names.ROLLBACK)["to_commit"] == commit:
            drop(lake, branch)


def settle_older(lake: Lake, state: MainState) -> list[str]:
    """Create the completion tag of every rollback that `main` shows to be completed; return a line for each.

    Older versions of this program created no such tags; without them the enforcer would treat those
    rollbacks as unfinished.
    """
    if state.rollback is not None:
        return []
    last = state.champion.number if state.champion else 0
    tagged = {
        n: c for t, c in state.tags.items() if names.is_rollback_tag(t) and (n := names.event_number(t))
    }
    older = [n for n in sorted(tagged) if n > last and names.settled_tag(n) not in state.tags]
    older = [n for n in older if not _is_forward(lake, tagged[n])]
    # A rollback may have begun between the looks at main and at the tags.
    if not older or lake.head(names.MAIN) != state.head:
        return []
    done: list[str] = []
    for number in older:
        tag = names.settled_tag(number)
        try:
            created = ensure_tag(lake, tag, tagged[number])
        except (Conflict, Unlawful):
            continue  # somebody else's tag: the audit names it
        done += [f"tagged {tagged[number][:12]} as {tag}"] if created else []
    return done


def _is_forward(lake: Lake, commit: str) -> bool:
    try:
        return read_json(lake, commit, names.ROLLBACK).get("forward") is True
    except NotFound:
        return False
