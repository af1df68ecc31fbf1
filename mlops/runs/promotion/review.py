"""Review: a person promotes or rejects a run, or overrides its refusal where the policy names that person.

An approved run goes exactly the way of an automatic promotion. If the champion has changed since the run was
decided, it is compared again first. A rejection is a signed note under the tag ``rejected-<run id>``, with
which the enforcer refuses the run for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.approval import PROVEN, Approval, overridable, person
from mlops.runs.errors import InputError, NotPromoted, Unlawful
from mlops.runs.main.notes import keep_note
from mlops.runs.main.state import MainState, read_main
from mlops.runs.ports import Judge, Lake, Ports
from mlops.runs.promotion.attempts import promotion_of
from mlops.runs.promotion.decision import Decided, current, promoted_by
from mlops.runs.promotion.promote import Promotion, check_open, promote, refuse_barred
from mlops.runs.promotion.replace_champion import latest_decided, own_attempt
from mlops.runs.records import Run

#: Kind of the note that rejects a run.
REJECTED_KIND = "rejected"


@dataclass(frozen=True)
class Rejection:
    """A rejection on record.

    Attributes:
        run_id: The run.
        by: Who rejected it.
        at_s: When, Unix seconds.
        reason: Why.
    """

    run_id: str
    by: str
    at_s: int
    reason: str


def approve(
    ports: Ports, judge: Judge, run_id: str, comment: str, *, take_over: bool = False, rounds: int = 20
) -> Promotion:
    """Promote a run that waits for review, with this person's approval.

    A repeated call returns the earlier result.

    Args:
        ports: Dependencies.
        judge: Scores, where the champion has changed since.
        run_id: The run.
        comment: What the person says, for the record.
        take_over: Whether an attempt that seems alive is fenced all the same.
        rounds: How often a moved `main` is tried again.

    Raises:
        NotFound: No decided attempt of the run is left.
        InputError: The gate refused it.
        NotPromoted: It was rejected or rolled back.
        OnHold: Promotions are stopped.
    """
    latest, state = latest_decided(ports, run_id), read_main(ports.lake)
    landed = _landed(ports.lake, state, latest)
    if landed is not None:
        return landed
    refuse_barred(state, latest)
    verdict = current(ports, latest).decision.verdict
    if not verdict.promotes:
        said = ", ".join(str(finding.reason) for finding in verdict.findings)
        raise InputError(
            f"it does not wait for review: the gate refused it ({said})",
            where=run_id,
            todo=f"`mlops show {run_id}` tells what can follow",
        )
    check_open(state)
    approval = Approval(ports.author().who, ports.clock.now_s(), comment)
    run = own_attempt(ports, latest, take_over=take_over)
    return promote(ports, judge, run, rounds=rounds, approval=approval)


def override(
    ports: Ports,
    judge: Judge,
    run_id: str,
    reason: str,
    approved_by: str,
    *,
    take_over: bool = False,
    rounds: int = 20,
) -> Promotion:
    """Promote a run although the gate refused it for its numbers, as the policy lets a named person do.

    A repeated call returns the earlier result.

    Args:
        ports: Dependencies.
        judge: Scores, where the champion has changed since.
        run_id: The run.
        reason: Why it is promoted all the same, for the record.
        approved_by: Name of the person, as the policy lists it.
        take_over: Whether an attempt that seems alive is fenced all the same.
        rounds: How often a moved `main` is tried again.

    Raises:
        NotFound: No decided attempt of the run is left.
        InputError: It was not refused, or for a reason that nobody can override.
        Unlawful: The policy does not let this person override.
        OnHold: Promotions are stopped.
    """
    latest, state = latest_decided(ports, run_id), read_main(ports.lake)
    landed = _landed(ports.lake, state, latest)
    if landed is not None:
        return landed
    refuse_barred(state, latest)
    check_open(state)
    approval = Approval(_approver(ports, approved_by), ports.clock.now_s(), reason, override=True)
    _check_named(ports, judge, state, approval)
    decided = current(ports, latest)
    if decided.decision.verdict.promotes:
        todo = f"`mlops promote {run_id}` or `mlops approve {run_id}` promotes it"
        raise InputError(
            "the gate did not refuse it, so there is nothing to override", where=run_id, todo=todo
        )
    if not overridable(decided.decision.verdict):
        said = ", ".join(sorted({str(finding.reason) for finding in decided.decision.verdict.findings}))
        raise InputError(f"nobody can override a refusal by {said}", where=run_id, todo="start a new run")
    run = own_attempt(ports, latest, take_over=take_over, even_if_over=True)
    return promote(ports, judge, run, rounds=rounds, approval=approval)


def reject(ports: Ports, run_id: str, reason: str) -> Rejection:
    """Reject a run that waits for review, for good; a repeated call returns the earlier rejection.

    Raises:
        NotFound: No decided attempt of the run is left.
        InputError: It is on `main`, or the gate refused it already.
    """
    latest, state = latest_decided(ports, run_id), read_main(ports.lake)
    tag = names.rejected_tag(run_id)
    if tag not in state.tags:
        _check_rejectable(ports, state, latest)
        metadata = {"kind": REJECTED_KIND, "run_id": run_id, "reason": reason[:1000]}
        # At main's head, which holds the actions that keep the tag, and none of the run's rows.
        keep_note(ports, state, tag, state.head, f"Reject run {run_id}: {reason}", metadata)
        # The lake asks its hooks before a merge, not during it: one that was under way may have landed.
        _check_not_landed(ports, read_main(ports.lake), latest)
    found = rejection_of(ports.lake, read_main(ports.lake), run_id)
    if found is None:
        raise NotPromoted("its rejection cannot be read", where=tag, todo="run `mlops audit`")
    return found


def rejection_of(lake: Lake, state: MainState, run_id: str) -> Rejection | None:
    """Return the rejection of a run; None where nobody rejected it."""
    at = state.tags.get(names.rejected_tag(run_id))
    if at is None:
        return None
    note = lake.commit_of(at)
    said = note.metadata
    return Rejection(run_id, said.get("who", ""), note.created_at_s, said.get("reason", ""))


def _check_not_landed(ports: Ports, state: MainState, latest: Run) -> None:
    landed = promotion_of(ports.lake, state, latest)
    if landed is not None:
        number = landed.metadata["number"]
        raise InputError(f"is promotion {number}", where=latest.run_id, todo="`mlops rollback` takes it back")


def _check_rejectable(ports: Ports, state: MainState, latest: Run) -> None:
    _check_not_landed(ports, state, latest)
    verdict = current(ports, latest).decision.verdict
    if not verdict.promotes or state.is_revoked(latest.run_id):
        raise InputError("does not wait for review: it was refused or rolled back", where=latest.run_id)


def _landed(lake: Lake, state: MainState, run: Run) -> Promotion | None:
    """Return the result of a run that is on `main` already."""
    landed = promotion_of(lake, state, run)
    if landed is None:
        return None
    decided: Decided = promoted_by(lake, run, landed)
    number = int(landed.metadata["number"])
    return Promotion(run, decided.decision, decided.evidence_commit, landed.id, number)


def _approver(ports: Ports, name: str) -> str:
    """Return who approves; where the lake server knows its users, that is the user of the key."""
    who = ports.author().who
    if not who.startswith(PROVEN):
        return f"claimed:{name}"
    if person(who) != name:
        raise Unlawful(
            f"the lake server knows you as {person(who)}, so {name} has not approved",
            where="--approved-by",
            todo="that person runs the command with their own key",
        )
    return who


def _check_named(ports: Ports, judge: Judge, state: MainState, approval: Approval) -> None:
    allowed = judge.policy(ports.lake.read(state.head, names.POLICY)).override_by
    if approval.name not in allowed:
        listed = ", ".join(allowed) or "nobody"
        raise Unlawful(
            f"{approval.name} may not override a refusal; the policy on main lets {listed}",
            where=names.POLICY,
            todo="override_by in the policy names who may; `mlops policy apply` changes it",
        )
