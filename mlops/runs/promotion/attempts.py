"""The life of an attempt: found again, moved on step by step, fenced; `opening` starts it.

Everything an attempt knows about itself is in the metadata of its branch's head commit, so that whoever
finds the branch can go on from its last finished step. An attempt is alive while its owner lives or, where
that cannot be seen from here, until its lease expires; a later attempt forks from the last finished step and
fences it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from mlops.runs import names
from mlops.runs.decisions import Outcome
from mlops.runs.errors import Corrupt, Fenced
from mlops.runs.main.recorded_runs import Recorded
from mlops.runs.main.state import MainState, kind_of, promotions, since
from mlops.runs.ports import Commit, Lake, Ports
from mlops.runs.promotion.step_commits import metadata_of, run_of
from mlops.runs.promotion.step_statements import Written, outputs_after, proven, sealed_step, staged_objects
from mlops.runs.records import Kind, Lease, Run, Step


def carried(lake: Lake, run: Run) -> dict[str, str]:
    """Return what a commit that follows a decision must repeat of it, with the evidence commit by id."""
    if not run.reached(Step.DECIDED):
        return {}
    metadata = lake.commit_of(run.head).metadata
    kept = {
        key: metadata[key] for key in ("outcome", "reason", "decision_tag", "compared_to") if key in metadata
    }
    return {**kept, "evidence_commit": metadata.get("evidence_commit") or run.head}


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
    return sorted(lake.branches(names.run_branch_prefix(run_id)), key=attempt_number)


def attempt_number(branch: str) -> int:
    """Return the number of the attempt that a branch belongs to."""
    parsed = names.parse_run_branch(branch)
    if parsed is None:
        raise Corrupt("not a branch of a run", where=branch)
    return parsed.attempt


def is_over(lake: Lake, state: MainState, run: Run) -> bool:
    """Return whether nothing is left to do: refused on record, rejected, promoted, or rolled back."""
    if not run.reached(Step.DECIDED):
        return False
    metadata = lake.commit_of(run.head).metadata
    if metadata.get("outcome") == Outcome.REFUSE:
        return metadata.get("decision_tag", "") in state.tags
    barred = state.is_revoked(run.run_id) or names.rejected_tag(run.run_id) in state.tags
    return barred or promotion_of(lake, state, run) is not None


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
    run = dataclasses.replace(run, step=step, lease=new_lease(ports))
    written = staged_objects(ports.lake, run.branch) if written is None else written
    metadata = {**metadata_of(run), **(extra or {})}
    envelope, statement = sealed_step(ports, run, metadata, written)
    metadata[names.STATEMENT_KEY] = envelope
    head = ports.lake.commit(run.branch, message, metadata, allow_empty=True)
    ports.tell(f"{run.branch}: {step} at {head[:12]}")
    outputs = outputs_after(run, written)
    ports.proved[head] = dataclasses.replace(run, head=head, statement=statement, outputs=outputs)
    return ports.proved[head]


def new_lease(ports: Ports) -> Lease:
    """Return a lease of this process, from now on."""
    return Lease(ports.processes.me(), ports.clock.now_s() + ports.lease_ttl_s)


def check_not_fenced(lake: Lake, run: Run) -> None:
    """Return if no later attempt of the run exists, else raise `Fenced`."""
    latest = attempts_of(lake, run.run_id)
    if latest and attempt_number(latest[-1]) > run.attempt:
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
