"""Schedules of a pipeline: audit, sweep, rehearsal, drift and retrain; off unless the settings name a time.

A schedule that is off can be switched on in Dagster's pages as well; it then has the time named here. A run
shows its result as tags and as metadata of its step. A schedule whose lake cannot be reached skips its turn
and says why.
"""

# The annotations of ops and schedules name classes that Dagster looks up: they are evaluated as they stand.

from collections.abc import Mapping
from typing import Any, NamedTuple

import dagster as dg
from dagster._utils.schedules import is_valid_cron_schedule

from mlops.orchestration.assets import identifier
from mlops.orchestration.building import job_name
from mlops.orchestration.schedules import work
from mlops.orchestration.workspaces import Workspaces
from mlops.pipelines.spec import PipelineSpec
from mlops.runs.errors import ConfigError, MlopsError, bounded
from mlops.runs.main.state import read_main
from mlops.settings import Settings, load

#: Tag of a run that a schedule started: which one. Its result is in the tag ``mlops/<kind>``.
SCHEDULE_TAG = "mlops/schedule"
_MOST_TEXT = 20_000


class Kind(NamedTuple):
    """A kind of schedule.

    Attributes:
        help: What it does.
        usual: When it runs where it was switched on in Dagster's pages alone, as a cron expression.
        idle: Returns why there is nothing to do.
        act: Its work; None for a run of the pipeline.
    """

    help: str
    usual: str
    idle: work.Idle = work.never
    act: work.Act | None = None


KINDS: Mapping[str, Kind] = {
    "audit": Kind("Audit main.", "0 5 * * *", act=work.audit),
    "sweep": Kind("List branches of completed runs.", "30 5 * * *", act=work.sweep),
    "rehearsal": Kind(
        "Try a rollback on a scratch branch.", "0 6 * * 1", work.without_champion, work.rehearsal
    ),
    "drift": Kind(
        "Compare the newest arrival with the champion's data.",
        "30 6 * * *",
        work.without_champion,
        work.drift,
    ),
    "retrain": Kind("Start a run.", "0 3 * * 0", work.while_stopped),
}


def schedules(spec: PipelineSpec, workspaces: Workspaces, settings: Settings) -> dg.Definitions:
    """Return the schedules of a pipeline and their jobs; nothing is opened yet.

    Args:
        spec: The pipeline.
        workspaces: Where jobs and schedules find their workspace.
        settings: Which schedules are on, and when.

    Raises:
        ConfigError: A time is no cron expression.
    """
    jobs = {kind: _job(spec, kind, found) for kind, found in KINDS.items() if found.act is not None}
    return dg.Definitions(
        jobs=list(jobs.values()),
        schedules=[
            _schedule(spec, kind, found, jobs[kind].name if kind in jobs else job_name(spec), settings)
            for kind, found in KINDS.items()
        ],
        resources={"workspaces": workspaces},
    )


def _job(spec: PipelineSpec, kind: str, found: Kind) -> dg.JobDefinition:
    name, act = f"{identifier(spec)}_{kind}", found.act

    @dg.op(name=f"{name}_op", description=found.help)
    def carry_out(context: dg.OpExecutionContext, workspaces: dg.ResourceParam[Workspaces]) -> None:
        assert act is not None  # noqa: S101  (a job is made of kinds with work alone)
        done = act(workspaces.of(spec.name, context.log.info), load())
        _record(context, kind, done)
        if done.error is not None:
            raise done.error

    @dg.job(name=name, description=f"{spec.title}: {found.help}", executor_def=dg.in_process_executor)
    def job() -> None:
        carry_out()

    return job


def _record(context: dg.OpExecutionContext, kind: str, done: work.Done) -> None:
    """Put a result into the tags of the run and the metadata of its step."""
    context.instance.add_run_tags(context.run.run_id, {f"mlops/{kind}": bounded(done.summary, 200)})
    context.log.info(done.summary)
    metadata: dict[str, Any] = {"summary": done.summary, **done.details}
    if done.text:
        metadata["report"] = dg.MetadataValue.md(done.text[:_MOST_TEXT])
    context.add_output_metadata(metadata)


def _schedule(
    spec: PipelineSpec, kind: str, found: Kind, job: str, settings: Settings
) -> dg.ScheduleDefinition:
    chosen, idle = str(getattr(settings, f"schedule_{kind}")), found.idle
    only = settings.scheduled_pipelines
    is_on = bool(chosen) and (not only or spec.name in only)
    if chosen and not is_valid_cron_schedule(chosen):
        raise ConfigError(
            f"{chosen!r} is no cron expression", where=f"schedule_{kind}", todo="e.g. 0 5 * * *"
        )

    @dg.schedule(
        name=f"{identifier(spec)}_{kind}_schedule",
        job_name=job,
        cron_schedule=chosen or found.usual,
        execution_timezone=settings.schedule_time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description=found.help,
    )
    def when_due(
        context: dg.ScheduleEvaluationContext, workspaces: dg.ResourceParam[Workspaces]
    ) -> dg.RunRequest | dg.SkipReason:
        try:
            reason = idle(read_main(workspaces.fresh(spec.name).lake))
        except MlopsError as error:
            if not error.retryable:
                raise
            reason = str(error)
        return dg.SkipReason(reason) if reason else dg.RunRequest(tags={SCHEDULE_TAG: kind})

    return when_due
