"""Open an attempt of a run on the head of `main`, or resume an earlier one after its last finished step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict, Frozen, NotPromoted, RunAlive
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import MainState, read_main, since
from mlops.runs.ports import Ports
from mlops.runs.promotion.attempts import (
    attempt_number,
    attempts_of,
    carried,
    finish_step,
    is_alive,
    is_newest,
    is_over,
    new_lease,
    proven_run,
    recorded_run,
)
from mlops.runs.promotion.step_statements import Written
from mlops.runs.records import Run, RunInputs, Step

#: Opening competes with other processes for the name of an attempt; each loss means that somebody else won.
_OPEN_ROUNDS = 10


def open_run(
    ports: Ports,
    inputs_at: Callable[[str], RunInputs],
    *,
    again: int = 0,
    take_over: bool = False,
    restored: int = 0,
    notes: Mapping[str, str] | None = None,
    even_if_over: bool = False,
) -> Run:
    """Open a run on the head of `main`, or go on with the unfinished one that has the same inputs.

    Args:
        ports: Dependencies.
        inputs_at: Returns the inputs of a run that reads ``raw/`` at a commit.
        again: Counts deliberate repetitions of the same inputs.
        take_over: Whether an attempt that seems alive is fenced all the same.
        restored: Counts how often the outputs of such a run are brought back; 0 for a run of its own.
        notes: Further metadata of the commit that opens an attempt; the run keeps ``restores``.
        even_if_over: Whether a run that is over is gone on with.

    Returns:
        An attempt owned by this process, at the last step that any attempt of the run has finished; or the
        attempt that ended the run, if the run is over; its branch may be gone by then.

    Raises:
        Frozen: A rollback is under way.
        NotPromoted: A run with the same inputs was forgotten.
        RunAlive: Another process is working on this run.
    """
    for _ in range(_OPEN_ROUNDS):
        state = read_main(ports.lake)
        if state.rollback is not None:
            raise Frozen(
                "a rollback is under way", where=names.MAIN, todo="run `mlops reconcile` to finish it"
            )
        inputs = inputs_at(state.head).in_mode(ports.mode)
        run_id = names.run_id(inputs.digest, again, restored)
        _refuse_forgotten(state, run_id)
        try:
            return _next_attempt(
                ports, state, inputs, run_id, notes or {}, take_over=take_over, even_if_over=even_if_over
            )
        except Conflict:
            continue  # another process took the attempt's name: look again who that is
    raise RunAlive(
        "other processes keep opening the same run", where=names.MAIN, todo="wait for them, then retry"
    )


def _refuse_forgotten(state: MainState, run_id: str) -> None:
    if state.is_forgotten(run_id):
        raise NotPromoted(
            "a run with the same inputs was forgotten on request",
            where=run_id,
            todo="change the data, the code or the parameters",
        )


def _next_attempt(
    ports: Ports,
    state: MainState,
    inputs: RunInputs,
    run_id: str,
    notes: Mapping[str, str],
    *,
    take_over: bool,
    even_if_over: bool,
) -> Run:
    lease, attempts = new_lease(ports), attempts_of(ports.lake, run_id)
    latest = proven_run(ports, attempts[-1]) if attempts else None
    recorded = recorded_run(ports, Recorded(ports.lake, state), run_id)
    over = next((run for run in (latest, recorded) if run and is_over(ports.lake, state, run)), None)
    if over is not None and not even_if_over:
        return over
    if latest is not None and latest.step is not Step.FAILED:
        if latest.lease.owner == lease.owner and is_newest(ports, latest):
            ports.lake.discard(latest.branch)
            return latest
        if over is None and not take_over and is_alive(ports, latest.lease):
            raise RunAlive(
                f"run {run_id} is still being worked on by {latest.lease.owner}",
                where=latest.branch,
                todo="wait for it, or take it over with --take-over",
            )
    # A branch may be gone, and its decision is on record: the numbers go on, and so does the run.
    number = max([recorded.attempt if recorded else 0, *map(attempt_number, attempts)]) + 1
    resumable = _last_finished(ports, state, attempts, recorded)
    now_s, restores = ports.clock.now_s(), int(notes.get("restores", 0))
    source = resumable or Run(
        run_id, number, state.head, state.head, Step.OPENED, inputs, lease, now_s, restores
    )
    run = dataclasses.replace(source, attempt=number, lease=lease, inputs=inputs)
    ports.lake.create_branch(run.branch, source.head)
    stale: list[str] = []
    if resumable is None:
        # What the champion left must not mix with what this run writes: the outputs are one run's alone.
        stale = [stat.path for prefix in names.OUTPUTS for stat in ports.lake.list(run.fork, prefix)]
        ports.lake.remove(run.branch, stale)
    extra = {**notes, **(carried(ports.lake, source) if resumable else {})}
    message, written = f"Open attempt {number} of run {run_id}", Written(removed=tuple(sorted(stale)))
    return finish_step(ports, run, run.step, message, extra, written=written)


def _last_finished(ports: Ports, state: MainState, attempts: list[str], recorded: Run | None) -> Run | None:
    """Return the newest attempt to go on with: not failed, and forked from what `main` still is."""
    for run in (*(proven_run(ports, branch) for branch in reversed(attempts)), recorded):
        if run is None or run.step is Step.FAILED:
            continue
        if since(ports.lake, state.head, run.fork).reached:
            return run
    return None
