"""The life of an attempt: opened, resumed, moved on step by step, fenced.

Everything an attempt knows about itself is in the metadata of its branch's head commit, so that whoever
finds the branch can go on from its last finished step. An attempt is alive while its owner lives or, where
that cannot be seen from here, until its lease expires; a later attempt forks from the last finished step and
fences it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from mlops.runs import names
from mlops.runs.errors import Conflict, Corrupt, Fenced, Frozen, NotPromoted, RunAlive
from mlops.runs.evidence import Outcome
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import MainState, kind_of, promotions, read_main, since
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.promotion.step_commits import metadata_of, run_of
from mlops.runs.promotion.step_statements import Written, outputs_after, proven, sealed_step, staged_objects
from mlops.runs.records import Kind, Lease, Run, RunInputs, Step

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
        inputs = inputs_at(state.head)
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
    lease, attempts = _lease(ports), attempts_of(ports.lake, run_id)
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
    number = max([recorded.attempt if recorded else 0, *map(_attempt, attempts)]) + 1
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


def carried(lake: Lake, run: Run) -> dict[str, str]:
    """Return what a commit that follows a decision must repeat of it, with the evidence commit by id."""
    if not run.reached(Step.DECIDED):
        return {}
    metadata = lake.commit_of(run.head).metadata
    kept = {
        key: metadata[key] for key in ("outcome", "reason", "decision_tag", "compared_to") if key in metadata
    }
    return {**kept, "evidence_commit": metadata.get("evidence_commit") or run.head}


def _last_finished(ports: Ports, state: MainState, attempts: list[str], recorded: Run | None) -> Run | None:
    """Return the newest attempt to go on with: not failed, and forked from what `main` still is."""
    for run in (*(proven_run(ports, branch) for branch in reversed(attempts)), recorded):
        if run is None or run.step is Step.FAILED:
            continue
        if since(ports.lake, state.head, run.fork).reached:
            return run
    return None


def on_record(recorded: Recorded, run_id: str) -> Run | None:
    """Return the attempt that the decision on record tells of, with its evidence as the head, or None."""
    evidence = recorded.evidence(run_id)
    return run_of(evidence) if evidence is not None else None


def recorded_run(ports: Ports, recorded: Recorded, run_id: str) -> Run | None:
    """Return the attempt that the decision on record tells of, as far as its signed statements prove it.

    A run whose outputs `main` took is over whatever its steps prove: that one is returned as it is.
    """
    evidence = recorded.evidence(run_id)
    if evidence is None:
        return None
    found = proven(ports, evidence)
    if found is not None and not found.ignored:
        return found.run
    run = run_of(evidence)
    taken = promotion_of(ports.lake, recorded.state, run) is not None
    return run if taken else found.run if found else None


def latest_run(ports: Ports, state: MainState, run_id: str) -> Run | None:
    """Return how far a run is: by its latest branch or, where that is gone, by its decision on record."""
    found = filter(None, (proven_run(ports, branch) for branch in reversed(attempts_of(ports.lake, run_id))))
    return next(found, None) or recorded_run(ports, Recorded(ports.lake, state), run_id)


def ended_run(recorded: Recorded, run_id: str) -> Run | None:
    """Return the attempt that ended a run, or None where the run is not over or never was."""
    lake, state = recorded.lake, recorded.state
    attempts = attempts_of(lake, run_id)
    candidates = (load_run(lake, attempts[-1]) if attempts else None, on_record(recorded, run_id))
    return next((run for run in candidates if run and is_over(lake, state, run)), None)


def attempts_of(lake: Lake, run_id: str) -> list[str]:
    """Return the branches of a run's attempts, first attempt first."""
    return sorted(lake.branches(names.run_branch_prefix(run_id)), key=_attempt)


def _attempt(branch: str) -> int:
    parsed = names.parse_run_branch(branch)
    if parsed is None:
        raise Corrupt("not a branch of a run", where=branch)
    return parsed.attempt


def is_over(lake: Lake, state: MainState, run: Run) -> bool:
    """Return whether nothing is left to do: refused on record, promoted, or rolled back."""
    if not run.reached(Step.DECIDED):
        return False
    metadata = lake.commit_of(run.head).metadata
    if metadata.get("outcome") == Outcome.REFUSE:
        return metadata.get("decision_tag", "") in state.tags
    return state.is_revoked(run.run_id) or promotion_of(lake, state, run) is not None


def promotion_of(lake: Lake, state: MainState, run: Run) -> Commit | None:
    """Return the commit of `main` that promoted a run, or None; a lost answer is not a lost merge.

    A run is promoted after its fork. Should the champion be the run's own before that, it is found too: a
    champion does not compete with itself.
    """
    if state.champion is not None and state.champion.run_id == run.run_id:
        return next(promotions(lake, state.head), None)
    for commit in since(lake, state.head, run.fork).commits:
        if kind_of(commit) is Kind.PROMOTION and commit.metadata.get("run_id") == run.run_id:
            return commit
    return None


def is_alive(ports: Ports, lease: Lease) -> bool:
    """Return whether a lease's owner lives or, where that cannot be seen, whether the lease still runs."""
    seen = ports.processes.alive(lease.owner)
    return ports.clock.now_s() < lease.expires_at_s if seen is None else seen


def finish_step(
    ports: Ports,
    run: Run,
    step: Step,
    message: str,
    extra: Mapping[str, str] | None = None,
    *,
    written: Written | None = None,
) -> Run:
    """Commit what the attempt has staged with a signed statement that ``step`` is finished; extend the lease.

    Args:
        ports: Dependencies.
        run: The attempt, at the head of its branch.
        step: The step.
        message: Of the commit.
        extra: Further metadata of the commit.
        written: What the step wrote, removed and read; where it is None, what is staged is read back.

    Raises:
        Fenced: A later attempt of the run exists.
    """
    check_not_fenced(ports.lake, run)
    run = dataclasses.replace(run, step=step, lease=_lease(ports))
    written = staged_objects(ports.lake, run.branch) if written is None else written
    metadata = {**metadata_of(run), **(extra or {})}
    envelope, statement = sealed_step(ports, run, metadata, written)
    metadata[names.STATEMENT_KEY] = envelope
    head = ports.lake.commit(run.branch, message, metadata, allow_empty=True)
    ports.tell(f"{run.branch}: {step} at {head[:12]}")
    outputs = outputs_after(run, written)
    ports.proved[head] = dataclasses.replace(run, head=head, statement=statement, outputs=outputs)
    return ports.proved[head]


def _lease(ports: Ports) -> Lease:
    return Lease(ports.processes.me(), ports.clock.now_s() + ports.lease_ttl_s)


def check_not_fenced(lake: Lake, run: Run) -> None:
    """Return if no later attempt of the run exists, else raise `Fenced`."""
    latest = attempts_of(lake, run.run_id)
    if latest and _attempt(latest[-1]) > run.attempt:
        raise Fenced(f"{latest[-1]} has taken over", where=run.branch, todo="nothing: that attempt goes on")


def fail(ports: Ports, run: Run, reason: str, sentence: str) -> Run:
    """Record on the branch that the attempt ended without a decision, and why; what is staged is kept."""
    extra = {"reason": str(reason), "sentence": sentence[:500]}  # a reason code is more than text
    return finish_step(ports, run, Step.FAILED, f"Run {run.run_id} stopped: {reason}", extra)


def proven_run(ports: Ports, branch: str) -> Run | None:
    """Return the attempt on a branch at the last commit that its signed statements prove.

    What comes after that commit is ignored and reported. None where the branch was never opened, or where
    not even the commit that opened the run is proved: then the run starts anew from its fork.
    """
    head = ports.lake.commit_of(branch)
    opened_as = head.metadata.get("run_branch", branch)
    if names.parse_run_branch(branch) is None or opened_as != branch or kind_of(head) is not None:
        return None
    found = proven(ports, head)
    if found is None or found.ignored:
        what = f"{found.ignored} commits after {found.run.head[:12]}: {found.why}" if found else "all commits"
        ports.tell(f"{branch}: not proved by the run's own record and ignored: {what}")
    return found.run if found else None


def is_newest(ports: Ports, run: Run) -> bool:
    """Return whether a proven attempt is the newest, and its branch at the very commit that was proved."""
    attempts = attempts_of(ports.lake, run.run_id)
    return attempts[-1:] == [run.branch] and ports.lake.head(run.branch) == run.head


def load_run(lake: Lake, branch: str) -> Run | None:
    """Return the attempt on a branch as its head commit describes it; None if it was never opened.

    A branch whose head is still a commit of `main` belongs to a process that died (or is about to go on)
    between creating the branch and its first commit.
    """
    commit = lake.commit_of(branch)
    parsed = names.parse_run_branch(branch)
    if parsed is None or commit.metadata.get("run_branch") != branch:
        return None
    return run_of(commit)
