"""Replacement of a champion that cannot be scored by a candidate that beats the baseline.

Such a champion blocks every candidate, since the two cannot be compared. A run that was refused for this
reason alone may be decided on again, with a reason that the decision and the promotion keep.
"""

from __future__ import annotations

from mlops.runs.errors import InputError, NotFound, Unlawful
from mlops.runs.main.state import read_main, since
from mlops.runs.names import parse_run_id
from mlops.runs.ports import Judge, Ports
from mlops.runs.promotion.attempts import is_over, latest_run, promotion_of
from mlops.runs.promotion.decision import current, decide, is_unscorable
from mlops.runs.promotion.modes import check_promotable, check_promotes
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, check_open, promote
from mlops.runs.records import Run, Step


def replace_unscorable(
    ports: Ports, judge: Judge, run_id: str, reason: str, *, take_over: bool = False, rounds: int = 20
) -> Promotion:
    """Promote a run if it beats the baseline, although the champion cannot be scored.

    A champion that can be scored after all is compared as usual. Idempotent: a repeated call returns the
    earlier result.

    Args:
        ports: Dependencies.
        judge: Scores.
        run_id: A run that was refused because the champion cannot be scored, and for nothing else.
        reason: The reason, for the record.
        take_over: Whether an attempt that seems alive is fenced all the same.
        rounds: How often a moved `main` is tried again.

    Raises:
        PromotionOff: The environment is in mode dev, or the run was made in it.
        NotFound: No attempt of the run is left.
        InputError: It was not refused, or for another reason.
        OnHold: Promotions are stopped.
        Unlawful: It forked from a commit that was dropped.
    """
    check_promotes(ports)
    latest, state = latest_decided(ports, run_id), read_main(ports.lake)
    decided = current(ports, latest)
    landed = promotion_of(ports.lake, state, latest)
    if landed is not None:
        number = int(landed.metadata["number"])
        return Promotion(latest, decided.decision, decided.evidence_commit, landed.id, number)
    check_open(state)
    if not decided.decision.replace_unscorable and not is_unscorable(decided.decision):
        said = ", ".join(str(f.reason) for f in decided.decision.verdict.findings)
        raise InputError(f"the decision on record is another: {said}", where=run_id)
    run = own_attempt(ports, latest, take_over=take_over, even_if_over=True)
    run = decide(ports, judge, run, replace_unscorable=reason).run
    return promote(ports, judge, run, rounds=rounds, replace_unscorable=reason)


def latest_decided(ports: Ports, run_id: str) -> Run:
    """Return the latest decided attempt of a run, as proved by its steps; its branch may be gone.

    Raises:
        PromotionOff: The run was made in mode dev.
        NotFound: No such attempt is left.
    """
    run = latest_run(ports, read_main(ports.lake), run_id) if parse_run_id(run_id) else None
    if run is None or not run.reached(Step.DECIDED):
        raise NotFound("no decided attempt of such a run is left", where=run_id, todo="start a new run")
    check_promotable(run)
    return run


def own_attempt(ports: Ports, latest: Run, *, take_over: bool = False, even_if_over: bool = False) -> Run:
    """Return an attempt of a decided run owned by this process; a finished one is returned unchanged.

    Raises:
        PromotionOff: The environment is in mode dev, or the run was made in it.
        RunAlive: Another process is working on it.
        Unlawful: It forked from a commit that was dropped.
    """
    check_promotes(ports)
    check_promotable(latest)
    state = read_main(ports.lake)
    if not even_if_over and is_over(ports.lake, state, latest):
        return latest
    if not since(ports.lake, state.head, latest.fork).reached:
        raise Unlawful(
            "it forked from a commit that a rollback dropped", where=latest.branch, todo="start a new run"
        )
    parts = parse_run_id(latest.run_id)
    return open_run(
        ports,
        lambda _head: latest.inputs,
        again=parts.again if parts else 0,
        restored=parts.restored if parts else 0,
        take_over=take_over,
        even_if_over=even_if_over,
    )
