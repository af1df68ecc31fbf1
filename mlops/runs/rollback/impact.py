"""The impact of a rollback on unfinished runs."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.main.state import MainState, lineage
from mlops.runs.ports import Lake
from mlops.runs.promotion.attempts import attempts_of, is_over, load_run
from mlops.runs.records import Run, Step
from mlops.runs.rollback.plan import RollbackPlan


def unfinished_runs(lake: Lake, state: MainState) -> list[Run]:
    """Return the latest attempt of every unfinished run, ascending by run."""
    known = {parsed.run_id for b in lake.branches("run-") if (parsed := names.parse_run_branch(b))}
    found: list[Run] = []
    for run_id in sorted(known):
        attempts = attempts_of(lake, run_id)
        run = load_run(lake, attempts[-1]) if attempts else None
        if run is not None and run.step is not Step.FAILED and not is_over(lake, state, run):
            found.append(run)
    return found


def runs_without_ground(lake: Lake, plan: RollbackPlan) -> list[Run]:
    """Return the unfinished runs that could not be promoted any more, since their fork would be dropped."""
    dropped: set[str] = set()
    for commit in lineage(lake, plan.state.head):
        if commit.id == plan.record.to_commit:
            break
        dropped.add(commit.id)
    return [run for run in unfinished_runs(lake, plan.state) if run.fork in dropped]
