"""One sensor per pipeline, which starts a run when new data has arrived on `main`.

It decides from the lake: data that a run with the default parameters has read, or that is an input of the
champion, is not new. The cursor only avoids repeated evaluations. It is off by default, so that nothing
trains by itself; switched on, it is safe beside runs that users start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from mlops.adapters.policy import files
from mlops.orchestration.workspaces import Workspaces
from mlops.runs import names
from mlops.runs.digest import tree_digest
from mlops.runs.errors import Corrupt, MlopsError
from mlops.runs.main.state import MainState, read_main
from mlops.runs.promotion.attempts import run_of
from mlops.runs.records import RunInputs
from mlops.settings.parameters import checked_parameters
from mlops.steps.run_inputs import inputs_of

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Lake
    from mlops.steps.workspace import Workspace

INTERVAL_S = 30


@dataclass(frozen=True)
class Look:
    """The result of an evaluation of the sensor.

    Attributes:
        reason: Why a run is due or not.
        due: Inputs of the run that is due; None if none is.
        seen: Digest of the raw data that need not be looked at again; empty where it must be.
    """

    reason: str
    due: RunInputs | None = None
    seen: str = ""


def look(workspace: Workspace, seen: str = "") -> Look:
    """Find an arrival on `main` that no run has read.

    Args:
        workspace: The pipeline's workspace.
        seen: Digest of raw data that was found taken before.
    """
    spec, lake = workspace.spec, workspace.lake
    state = read_main(lake)
    if state.rollback is not None:
        return Look("a rollback is under way", seen=seen)
    if state.on_hold:
        return Look("promotions are stopped since a rollback, until `mlops resume`", seen=seen)
    params = spec.parameters(checked_parameters(spec))
    inputs = inputs_of(spec, lake, state.head, params).in_mode(workspace.ports.mode)
    if inputs.raw_digest == seen:
        return Look("nothing has arrived since the last run", seen=seen)
    if not _enough(lake, state.head):
        return Look("not enough data yet: another arrival is needed")
    taken = _taken_by(lake, state, inputs)
    if taken:
        return Look(f"run {taken} has taken what main holds", seen=inputs.raw_digest)
    return Look("something new has arrived on main", due=inputs)


def arrival_sensor(spec: PipelineSpec, job_name: str) -> dg.SensorDefinition:
    """Return the sensor that starts a job for every new arrival."""

    @dg.sensor(
        name=f"{spec.name.replace('-', '_')}_arrivals",
        job_name=job_name,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Starts a run for each new arrival on main; decides from what main holds.",
    )
    def on_arrival(
        context: dg.SensorEvaluationContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> dg.RunRequest | dg.SkipReason:
        try:
            found = look(workspaces.fresh(spec.name), context.cursor or "")
        except MlopsError as error:
            if not error.retryable:
                raise
            return dg.SkipReason(str(error))
        if found.due is None:
            context.update_cursor(found.seen)
            return dg.SkipReason(found.reason)
        return dg.RunRequest(run_key=found.due.digest, tags={"mlops/arrival": found.due.raw_digest})

    return on_arrival


def _enough(lake: Lake, head: str) -> bool:
    rule = files.parse_holdout_rule(lake.read(head, names.HOLDOUT_RULE))
    parsed = (names.parse_raw_path(stat.path) for stat in lake.list(head, names.RAW))
    arrivals = {path.arrival for path in parsed if path}
    return len(arrivals) >= (2 if rule.kind == "newest_period" else 1)


def _taken_by(lake: Lake, state: MainState, inputs: RunInputs) -> str:
    """Return the run that has taken the raw data of ``inputs``; empty if none has.

    Another version of the code does not make old data new: only data and parameters are compared.
    """
    champion = state.champion
    if champion is not None and _raw_digest(lake, champion.raw_commit) == inputs.raw_digest:
        return champion.run_id
    for run_id, known in _known_runs(lake, state):
        same_mode = known.mode == inputs.mode
        if same_mode and known.raw_digest == inputs.raw_digest and dict(known.params) == dict(inputs.params):
            return run_id
    return ""


def _known_runs(lake: Lake, state: MainState) -> Iterator[tuple[str, RunInputs]]:
    """Yield the runs that branches or decisions on record tell of; the janitor leaves the latter alone."""
    heads = [head for branch, head in lake.branches("run-").items() if names.parse_run_branch(branch)]
    decided = [commit for tag, commit in state.tags.items() if names.parse_decision_tag(tag)]
    for commit in dict.fromkeys([*heads, *decided]):
        try:
            run = run_of(lake.commit_of(commit))
        except Corrupt:
            continue  # a branch that has no step yet, or is no run's
        yield run.run_id, run.inputs


def _raw_digest(lake: Lake, commit: str) -> str:
    return tree_digest((stat.path, stat.checksum) for stat in lake.list(commit, names.RAW))
