"""Rollback: move `main` back to the commit of an earlier promotion, data and model together.

`hard_reset` takes no expected head, so `main` is frozen first: a ``rollback.json`` is merged with
``expected_head``, and while the head contains one the enforcer refuses every merge. Dropped runs are tagged
as revoked before `main` moves, so that they cannot be promoted again. From the reset until the rollback is
completed the enforcer goes by the tags ``rolledback-<number>`` and ``settled-<number>``; see
`mlops.runs.rollback.reset`. Any process can finish a rollback under way: every step may be repeated, and the
record contains all that is needed. The other form, a new commit with the old content, is in
`mlops.runs.rollback.forward`.
"""

from __future__ import annotations

from contextlib import suppress

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.errors import Conflict, Frozen, MainMoved, NotFound, Unlawful
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.notes import keep_note
from mlops.runs.main.protection import CACHE_S, protect_main
from mlops.runs.main.record_tags import ensure_tag, tag_dropped, tag_events
from mlops.runs.main.state import MainState, read_main
from mlops.runs.ports import Ports
from mlops.runs.records import Kind, RollbackRecord
from mlops.runs.rollback.forward import announced, drop, go_forward
from mlops.runs.rollback.plan import RollbackPlan, plan_rollback
from mlops.runs.rollback.reset import reset_main

#: Kind of the note by which promotions go on.
RESUMED_KIND = "resumed"

__all__ = [
    "RollbackPlan",
    "carry_out",
    "freeze",
    "plan_rollback",
    "protect_main",
    "resume",
    "rollback",
]


def rollback(
    ports: Ports, reason: str, to: int | None = None, *, forward: bool = False, rounds: int = 20
) -> RollbackRecord | None:
    """Move `main` back to an earlier promotion; return None where there is none.

    Afterwards `main`'s head is that promotion's commit or, with ``forward``, a new commit with its content.
    The old head and the dropped runs are tagged, and promotions are on hold. ``reconcile`` then updates
    tags and MLflow.

    Raises:
        InputError: There is no such promotion.
        Frozen: Another rollback is under way.
        MainMoved: `main` moved in every round.
    """
    for _ in range(rounds):
        plan = plan_rollback(ports, reason, to, forward=forward)
        if plan is None:
            return None
        if plan.state.rollback is not None:
            raise Frozen(
                "another rollback is under way", where=names.MAIN, todo="run `mlops reconcile` to finish it"
            )
        if forward:
            to = plan.record.to_number  # once the hold is set, the one before is not looked for again
        try:
            if forward:
                go_forward(ports, plan)
            else:
                # A server may take seconds to notice the protection: then it is left to `reconcile`.
                carry_out(ports, freeze(ports, plan), plan.record, patience_s=0)
            return plan.record
        except (MainMoved, Conflict) as moved:
            ports.tell(f"main moved before it could be rolled back: {moved.what}")
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run the same command again"
    )


def freeze(ports: Ports, plan: RollbackPlan) -> str:
    """Freeze `main` by merging the rollback's record; return the frozen head."""
    lake, record = ports.lake, plan.record
    # Others may be about to use the same number: the branch is this process's own.
    branch = names.rollback_branch(record.number, ports.nonce())
    lake.create_branch(branch, plan.state.head)
    content = document(record.to_json())
    lake.write(branch, names.ROLLBACK, content)
    source = lake.commit(branch, f"Record rollback {record.number}", {"kind": "rollback-record"})
    metadata = {
        "number": str(record.number),
        "to_commit": record.to_commit,
        "reason": record.reason,
    }
    message = f"Roll back to promotion {record.to_number}: {record.reason}"
    digests = {names.ROLLBACK: sha256(content)}
    frozen = merge_into_main(ports, plan.state, Proposal(Kind.ROLLBACK, source, message, digests, metadata))
    drop(lake, branch)
    return frozen


def carry_out(ports: Ports, frozen: str, record: RollbackRecord, patience_s: float = CACHE_S) -> bool:
    """Finish a rollback from its freeze; return whether it is completed. Every step may be repeated."""
    lake = ports.lake
    tag_events(lake, record.from_commit, lake.tags())  # afterwards they are on no branch any more
    tag_dropped(lake, frozen, record)
    ensure_tag(lake, names.rollback_tag(record.number), frozen)  # last: with it only the reset is missing
    settled = reset_main(ports, frozen, record, patience_s)
    ports.tell(f"main: back at promotion {record.to_number} ({record.to_commit[:12]})")
    return settled


def resume(ports: Ports, reason: str) -> bool:
    """Lift the hold that a rollback placed on promotions; return whether there was one.

    The reason is recorded first, in a signed note under the tag ``resumed-<number of the newest rollback>``
    and on the registered model, so that no hold is lifted without a record. If somebody deleted the hold
    without a note, the note is added.

    Raises:
        Frozen: The rollback that placed it is not finished yet.
    """
    state = read_main(ports.lake)
    if not state.on_hold and not _lifted_unsaid(ports, state):
        return False
    # Looked at again after the hold was seen: it is set before `main` moves, and `main` may be older above.
    seen = read_main(ports.lake)
    if seen.rollback is not None or any(entry.owed for entry in announced(ports.lake, seen)):
        raise _unfinished()
    number = _newest_rollback(seen)
    at = (
        seen.tags.get(names.HOLD_TAG)
        or state.tags.get(names.HOLD_TAG)
        or seen.tags[names.rollback_tag(number)]
    )
    note = {"kind": RESUMED_KIND, "rollback": str(number), "reason": reason[:1000]}
    message = f"Resume promotions after rollback {number}: {reason}"
    keep_note(ports, seen, names.resumed_tag(number), at, message, note)
    noted = f"mlops.resumed-{number:06d}"
    ports.tracker.note(ports.lake.repository, noted, f"{ports.clock.now_s()} {reason}"[:1000])
    try:
        with suppress(NotFound):  # somebody else was first
            ports.lake.delete_tag(names.HOLD_TAG)
    except Unlawful as refused:
        if _newest_rollback(read_main(ports.lake)) == number:
            raise
        raise _unfinished() from refused  # another rollback has begun meanwhile, and holds promotions too
    return True


def _unfinished() -> Frozen:
    return Frozen(
        "the rollback that holds promotions is still under way",
        where=names.MAIN,
        todo="run `mlops reconcile` to finish it",
    )


def _newest_rollback(state: MainState) -> int:
    """Return the number of the newest rollback on record; 0 where there is none."""
    return max((names.event_number(tag) or 0 for tag in state.tags if names.is_rollback_tag(tag)), default=0)


def _lifted_unsaid(ports: Ports, state: MainState) -> bool:
    """Return whether the newest rollback is signed and its hold was deleted without a note."""
    number = _newest_rollback(state)
    if not number or any((names.resumed_number(tag) or 0) >= number for tag in state.tags):
        return False
    return names.STATEMENT_KEY in ports.lake.commit_of(state.tags[names.rollback_tag(number)]).metadata
