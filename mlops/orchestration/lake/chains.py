"""Dagster runs and their retries: the chain of runs that share a branch."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

#: Tag that Dagster gives to a retry from failure.
_RESUMED_TAG = "dagster/is_resume_retry"


@dataclass(frozen=True)
class Run:
    """A Dagster run, as a store needs to know it.

    Attributes:
        run_id: The run.
        root_run_id: The run that the chain of retries began with; the run itself where it retries none.
        chain: The run and those that it retries, newest first.
        instance: Where runs and events are; None outside Dagster's execution.
    """

    run_id: str
    root_run_id: str
    chain: tuple[str, ...]
    instance: dg.DagsterInstance | None = None


def alone(run_id: str) -> Run:
    """Return a run that is outside Dagster's execution, as in a test of an IO manager."""
    return Run(run_id, run_id, (run_id,))


def run_of(dagster_run: dg.DagsterRun, instance: dg.DagsterInstance) -> Run:
    """Return a run with the chain of retries that it belongs to.

    A retry from failure, or from a selected step, goes on with what its parent wrote. A re-execution of all
    steps has the same root in Dagster's eyes, but it begins anew: it is the root of a chain of its own.
    """
    chain, current = [dagster_run.run_id], dagster_run
    while current.parent_run_id and _goes_on(current, instance):
        chain.append(current.parent_run_id)
        parent = instance.get_run_by_id(current.parent_run_id)
        if parent is None:
            # Its history was deleted; Dagster still knows where it began.
            chain += [current.root_run_id] if current.root_run_id not in (None, chain[-1]) else []
            break
        current = parent
    return Run(dagster_run.run_id, chain[-1], tuple(chain), instance)


def _goes_on(run: dg.DagsterRun, instance: dg.DagsterInstance) -> bool:
    if run.tags.get(_RESUMED_TAG) == "true":
        return True
    if run.step_keys_to_execute is None or run.execution_plan_snapshot_id is None:
        return False
    # Dagster lists the steps to execute even where they are all.
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return not {step.key for step in plan.steps} <= set(run.step_keys_to_execute)
