"""Workspaces as a Dagster resource, opened on first use, and the mapping from a Dagster run to its run.

A Dagster run and the run in the lake find each other by a tag on the first Dagster run of a line of retries,
so that a retry, in whatever process, goes on with what the first one opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.runs.errors import ConfigError
from mlops.steps import run as running

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.promotion.promote import Promotion
    from mlops.runs.records import Run
    from mlops.steps.workspace import Workspace

Tell = Callable[[str], None]
Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext

#: Tags of a Dagster run: the run it works on, its branch, and what the first step is asked for.
RUN_TAG = "mlops/run_id"
BRANCH_TAG = "mlops/branch"
VERDICT_TAG = "mlops/verdict"
REASON_TAG = "mlops/reason"
AGAIN_TAG = "mlops/again"
TAKE_OVER_TAG = "mlops/take_over"


def from_settings(pipeline: str, tell: Tell) -> Workspace:
    """Return a pipeline's workspace as the environment's settings describe it."""
    from mlops import settings
    from mlops.steps.opening import open_workspace

    return open_workspace(settings.load(), pipeline, tell)


class Workspaces:
    """Workspaces by pipeline; nothing is opened before it is needed.

    Attributes:
        ended: How the last run ended that came to its end in this process.
    """

    def __init__(self, open_: Callable[[str, Tell], Workspace] = from_settings) -> None:
        self._open = open_
        self._opened: dict[str, Workspace] = {}
        self._log: Tell = lambda _line: None
        self.ended: Promotion | None = None

    def fresh(self, pipeline: str) -> Workspace:
        """Return a workspace of its own, by the settings as they are now."""
        return self._open(pipeline, lambda _line: None)

    def of(self, pipeline: str, log: Tell) -> Workspace:
        """Return the workspace that the steps of one process share; its lines of progress go to ``log``."""
        self._log = log
        if pipeline not in self._opened:
            self._opened[pipeline] = self._open(pipeline, self._tell)
        return self._opened[pipeline]

    def _tell(self, line: str) -> None:
        # Each step has a log of its own; the workspace outlives it.
        self._log(line)


def open_run(
    context: Context, workspaces: Workspaces, spec: PipelineSpec, config: Any
) -> tuple[Workspace, Run]:
    """Open the run of a Dagster run and remember it there.

    Args:
        context: Of the first step.
        workspaces: The resource.
        spec: The pipeline.
        config: Run config with the model parameters.
    """
    workspace, tags = workspaces.of(spec.name, context.log.info), context.run.tags
    run = running.open_(
        workspace,
        spec.parameters(config.model_dump()),
        again=_count(tags.get(AGAIN_TAG, "0")),
        take_over=tags.get(TAKE_OVER_TAG) == "true",
        tags=_tracker_tags(context, workspace),
    )
    _remember(context, run)
    return workspace, run


def find_run(context: Context, workspaces: Workspaces, spec: PipelineSpec) -> tuple[Workspace, Run]:
    """Return workspace and run of a later step, whichever process opened the run.

    Raises:
        ConfigError: This Dagster run began without the step that opens one.
    """
    workspace = workspaces.of(spec.name, context.log.info)
    first = context.instance.get_run_by_id(_root(context))
    run_id = first.tags.get(RUN_TAG) if first is not None else None
    if run_id is None:
        raise ConfigError(
            "no run was opened here: a run is made as a whole",
            where=context.run.run_id,
            todo=f"materialize from {spec.name}/raw on, or launch the job",
        )
    run = running.reopen(workspace, run_id, _tracker_tags(context, workspace))
    _remember(context, run, known=run_id)
    return workspace, run


def _root(context: Context) -> str:
    return context.run.root_run_id or context.run.run_id


def _remember(context: Context, run: Run, known: str = "") -> None:
    tags = {RUN_TAG: run.run_id, BRANCH_TAG: run.branch}
    if known != run.run_id:
        context.instance.add_run_tags(_root(context), tags)
    if context.run.run_id != _root(context) and context.run.tags.get(BRANCH_TAG) != run.branch:
        context.instance.add_run_tags(context.run.run_id, tags)


def remember_verdict(context: Context, ended: Promotion) -> None:
    """Tag the Dagster run with the outcome and its first reason; a refused run succeeds, too."""
    verdict = ended.decision.verdict
    unpromoted = "waiting for review" if ended.waiting else "refused"
    outcome = f"promoted {ended.number}" if ended.merge_commit else unpromoted
    tags = {VERDICT_TAG: outcome, REASON_TAG: str(verdict.findings[0].reason)}
    context.instance.add_run_tags(context.run.run_id, tags)


def _tracker_tags(context: Context, workspace: Workspace) -> dict[str, str]:
    page = workspace.links.dagster_run(context.run.run_id)
    return {"mlops.dagster_run": context.run.run_id, **({"mlops.url.dagster": page} if page else {})}


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"must be a number of repetitions, not {text!r}", where=AGAIN_TAG)
    return int(text)
