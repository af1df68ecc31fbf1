"""Restore: send the outputs of an old promotion through the gate again, under a new number.

This undoes a rollback, and it is the only way to promote the outputs of a revoked run. A restore is a
separate run with the same inputs, whose id is the old one's with ``r<k>`` appended. It computes nothing: it
copies training rows and model from the old promotion. First it creates a tag ``restored-<run id>`` at a
commit that holds the reason; the enforcer refuses such a run without it. Then it is validated and decided
like every run, by the current suites and policy, against the current champion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import InputError, NotFound
from mlops.runs.main.notes import keep_note
from mlops.runs.main.state import MainState, champion_of, read_main, read_optional
from mlops.runs.names import RunParts
from mlops.runs.ports import Judge, Lake, Ports
from mlops.runs.promotion.attempts import (
    attempts_of,
    carried,
    finish_step,
    is_over,
    latest_run,
    promotion_of,
)
from mlops.runs.promotion.decision import current, decide
from mlops.runs.promotion.modes import check_promotes
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, check_open, promote
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.promotion.step_statements import Written
from mlops.runs.record.promotion import check_promotion
from mlops.runs.records import Champion, Run, RunInputs, Step


@dataclass(frozen=True)
class Old:
    """A promotion whose outputs are to be restored.

    Attributes:
        number: Its number.
        commit: The commit that was on `main` then.
        champion: Its ``champion.json``.
        inputs: The inputs of its run.
        parts: The parts of its run's id.
    """

    number: int
    commit: str
    champion: Champion
    inputs: RunInputs
    parts: RunParts


#: Kind of the note that asks for old outputs to return.
RESTORE_REQUEST = "restore-request"

#: Returns the content of the holdout to judge by, or None for the one that the old promotion was judged by.
Holdout = Callable[[Run, Old], bytes | None]
#: Holds the rows of a run against the suites of `main`, and returns it at step validated.
Validate = Callable[[Run], Run]


def old_promotion(lake: Lake, state: MainState, number: int) -> Old:
    """Return the promotion with this number, on `main` or dropped.

    Raises:
        InputError: There is none, its run was forgotten, or its evidence was removed.
    """
    commit = state.tags.get(names.promotion_tag(number))
    data = read_optional(lake, commit, names.CHAMPION) if commit else None
    if commit is None or data is None:
        what = "its run was forgotten" if commit else "no promotion has this number"
        raise InputError(what, where=f"promotion {number}", todo="see `mlops log`")
    champion = champion_of(data, commit)
    parts = names.parse_run_id(champion.run_id) or RunParts(champion.run_id, 0, 0)
    try:
        evidence = lake.commit_of(champion.evidence_commit)
    except NotFound as error:
        forgotten = state.is_forgotten(champion.run_id)
        what = "its run was forgotten" if forgotten else "the evidence of its run was removed"
        raise InputError(what, where=f"promotion {number}", todo="see `mlops log`") from error
    return Old(number, commit, champion, run_of(evidence).inputs, parts)


def restore(
    ports: Ports,
    judge: Judge,
    number: int,
    reason: str,
    validate: Validate,
    *,
    holdout: Holdout = lambda _run, _old: None,
    begin: Callable[[Run], None] = lambda _run: None,
    again: bool = False,
    take_over: bool = False,
    rounds: int = 20,
) -> Promotion:
    """Restore the outputs of an old promotion through the gate; return the result.

    A repeated call continues an interrupted restore or returns the earlier result. After a refusal it
    decides again only if ``again`` is set, since every evaluation on a holdout spends error level.

    Args:
        ports: Dependencies.
        judge: Scores both models on the same rows.
        number: Number of the old promotion.
        reason: The reason, for the record.
        validate: Runs the current suites on the rows.
        holdout: Selects the holdout rows.
        begin: Called with the run before its first step.
        again: Whether to decide once more after a refusal.
        take_over: Whether an attempt that seems alive is fenced all the same.
        rounds: How often a moved `main` is tried again.

    Raises:
        InputError: There is no such promotion, or `main` holds its model already.
        PromotionOff: The environment is in mode dev.
        OnHold: Promotions are stopped.
        Corrupt: The old promotion is not signed although it must be, or is not what was signed.
        ValidationFailed: The rows do not pass the current suites.
    """
    check_promotes(ports)
    state = read_main(ports.lake)
    old = old_promotion(ports.lake, state, number)
    count, ended = _which(ports, state, old, again=again)
    if ended is not None:
        return _told(ports, state, ended)
    check_open(state)
    _refuse_same(state, old)
    check_promotion(ports.lake, ports.lake.commit_of(old.commit), ports.trust)
    notes = {"restores": str(number), "reason": reason[:1000]}
    run = open_run(
        ports,
        lambda _head: old.inputs,
        again=old.parts.again,
        restored=count,
        notes=notes,
        take_over=take_over,
    )
    request = {"kind": RESTORE_REQUEST, "run_id": run.run_id, **notes}
    message = f"Restore promotion {number} as run {run.run_id}: {reason}"
    keep_note(ports, state, names.restored_tag(run.run_id), run.head, message, request)
    begin(run)
    run = take_rows(ports, run, old, holdout)
    run = take_model(ports, validate(run), old)
    if not run.reached(Step.DECIDED):
        run = decide(ports, judge, run).run
    return promote(ports, judge, run, rounds=rounds)


def take_rows(ports: Ports, run: Run, old: Old, holdout: Holdout) -> Run:
    """Copy the old promotion's training rows, add the current holdout, and return the run."""
    if run.reached(Step.PROCESSED):
        return run
    copied = _copy(ports.lake, run, old, names.PROCESSED)
    rows = holdout(run, old)
    if rows is not None:
        ports.lake.write(run.branch, names.HOLDOUT, rows)
        copied[names.HOLDOUT] = sha256(rows)
    extra = {"holdout": "selected at the fork" if rows is not None else f"of promotion {old.number}"}
    message, written = f"Copy the rows of promotion {old.number}", Written(copied, read=_read(old))
    return finish_step(ports, run, Step.PROCESSED, message, extra, written=written)


def take_model(ports: Ports, run: Run, old: Old) -> Run:
    """Copy the old promotion's model, if it has one, and return the run."""
    if run.reached(Step.TRAINED) or not old.champion.has_model:
        return run
    copied = _copy(ports.lake, run, old, names.MODEL)
    extra = {"trained_until": old.champion.trained_until}
    message, written = f"Copy the model of promotion {old.number}", Written(copied, read=_read(old))
    return finish_step(ports, run, Step.TRAINED, message, extra, written=written)


def _copy(lake: Lake, run: Run, old: Old, prefix: str) -> dict[str, str]:
    """Copy the objects of the old promotion below a prefix; return path to SHA-256, as it recorded them."""
    copied = {o.path: o.sha256 for o in old.champion.objects if o.path.startswith(prefix)}
    for path in copied:
        lake.copy(run.branch, path, old.commit, path)
    return copied


def _read(old: Old) -> dict[str, str]:
    return {f"promotion {old.number}": old.commit}


def _refuse_same(state: MainState, old: Old) -> None:
    if state.champion is not None and _model(state.champion) == _model(old.champion):
        held = "model" if old.champion.has_model else "rows"
        raise InputError(
            f"main holds the {held} of promotion {old.number} already", where=f"promotion {old.number}"
        )


def _model(champion: Champion) -> Mapping[str, str]:
    """Return the objects that make a promotion what it is: its model, or its rows where it has none."""
    prefix = names.MODEL if champion.has_model else names.PROCESSED
    return {o.path: o.sha256 for o in champion.objects if o.path.startswith(prefix)}


def _which(ports: Ports, state: MainState, old: Old, *, again: bool) -> tuple[int, Run | None]:
    """Return the count of this restore of the outputs, and the finished one if that is the result.

    A restore that was rolled back, or replaced by a better model, is finished: the next one gets a new count.
    """
    lake, count = ports.lake, 1
    while _asked(lake, state, old, count + 1):
        count += 1
    run_id = _run_id(old, count)
    run = latest_run(ports, state, run_id)
    if run is None:
        swept = not attempts_of(lake, run_id) and names.restored_tag(run_id) in state.tags
        return count + swept, None
    if not is_over(lake, state, run) or run.step is Step.FAILED:
        return count, None
    promoted = promotion_of(lake, state, run) is not None
    stands = promoted and state.champion is not None and state.champion.run_id == run_id
    refused = not promoted and not state.is_revoked(run_id)
    return (count, run) if stands or (refused and not again) else (count + 1, None)


def _asked(lake: Lake, state: MainState, old: Old, count: int) -> bool:
    run_id = _run_id(old, count)
    return names.restored_tag(run_id) in state.tags or bool(attempts_of(lake, run_id))


def _run_id(old: Old, count: int) -> str:
    return names.run_id(old.parts.inputs, old.parts.again, count)


def _told(ports: Ports, state: MainState, run: Run) -> Promotion:
    """Return the result of a finished run."""
    decided, landed = current(ports, run), promotion_of(ports.lake, state, run)
    if landed is None:
        return Promotion(run, decided.decision, decided.evidence_commit)
    evidence = carried(ports.lake, run).get("evidence_commit", decided.evidence_commit)
    return Promotion(run, decided.decision, evidence, landed.id, int(landed.metadata["number"]))
