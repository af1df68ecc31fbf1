"""Declare and run ``mlops run``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops.cli.options import Env, Json, Pipeline, TakeOver
from mlops.cli.output.ended_runs import ended_result
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs import json_values
from mlops.runs.errors import ConfigError, MlopsError, bounded

if TYPE_CHECKING:
    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace

Param = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the model.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Do every step, also where an earlier run has done it.")
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Do not make the page with the plots.")]
Again = Annotated[bool, typer.Option("--again", help="Repeat a completed run under a new id.")]


def run(
    context: typer.Context,
    pipeline: Pipeline,
    param: Param = None,
    again: Again = False,
    no_cache: NoCache = False,
    take_over: TakeOver = False,
    no_report: NoReport = False,
    env: Env = None,
    json: Json = False,
) -> Result:
    """Train, and promote the model if it beats the champion.

    Exit code 5: the gate refused the model; the reasons are on record. Exit code 8: the gate would promote
    it, but the environment is in mode dev. Exit code 9: it passed and waits for `mlops approve`, as the
    policy asks. An interrupted run continues where it stopped.
    """
    session: Session = context.obj
    given = parameters(param or [])
    workspace = session.workspace(pipeline)
    if no_cache:
        workspace = dataclasses.replace(workspace, reuse_steps=False)
    from mlops.settings.parameters import checked_parameters

    params = {**checked_parameters(workspace.spec, session.settings.env), **given}
    typed = workspace.spec.parameters(params)
    from mlops.steps.repetitions import next_repetition

    repetition = next_repetition(workspace, typed) if again else 0
    return execute(session, workspace, params, again=repetition, take_over=take_over, no_report=no_report)


def execute(
    session: Session,
    workspace: Workspace,
    params: dict[str, Any],
    *,
    again: int = 0,
    take_over: bool = False,
    no_report: bool = False,
) -> Result:
    """Execute a run with these parameters, and return its result with everything that is shown of it."""
    session.report("loading libraries")
    executed = session.dependencies.execute_run(
        workspace,
        params,
        state_dir=session.settings.state_dir,
        again=again,
        take_over=take_over,
    )
    _show_checks(session, workspace, executed.promotion)
    report = "" if no_report else _report(session, workspace, executed.promotion)
    warnings = _warnings(session, workspace, executed.promotion)
    return ended_result(workspace, executed.promotion, executed.dagster_run_id, report, warnings)


def _warnings(session: Session, workspace: Workspace, ended: Promotion) -> list[str]:
    """Return what the suite of the processed rows warns of; as with the report, a failure changes nothing."""
    from mlops.steps.prepare import warnings_of

    try:
        return warnings_of(workspace, ended.evidence_commit)
    except MlopsError as error:
        session.report(f"the warnings of the suite cannot be read: {bounded(str(error), 200)}")
        return []


def _show_checks(session: Session, workspace: Workspace, ended: Promotion) -> None:
    """Show in Dagster what holds singly; as with the report, a failure changes nothing about the run."""
    try:
        session.dependencies.report_checks(session.settings.state_dir, workspace, ended)
    except (Exception, KeyboardInterrupt) as error:
        why = bounded(str(error) or type(error).__name__, 200)
        session.report(f"Dagster does not show expectations and guards one by one: {why}")


def _report(session: Session, workspace: Workspace, ended: Promotion) -> str:
    """Make the report of a run that has ended; return its address, empty where that failed.

    The run is over and on record: nothing that happens here changes its outcome.
    """
    session.report("making the report")
    make = session.dependencies.make_report
    try:
        file = make(workspace, ended.evidence_commit, ended.run.run_id, session.settings.state_dir)
    except (Exception, KeyboardInterrupt) as error:
        again = f"`mlops report {workspace.spec.name} {ended.run.run_id}` tries again"
        session.report(f"no report was made: {bounded(str(error) or type(error).__name__, 200)}; {again}")
        return ""
    return file.absolute().as_uri()


def parameters(given: Sequence[str]) -> dict[str, Any]:
    """Return parameters as typed, ``NAME=VALUE``: a value is JSON, else text.

    Raises:
        ConfigError: One is not of this form, or is given twice.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError("not of the form NAME=VALUE", where=repr(text), todo="e.g. --param max_depth=6")
        if name in values:
            raise ConfigError("the parameter is given twice", where=name, todo="give it once")
        try:
            values[name] = json_values.parse(value)
        except ValueError:
            values[name] = value
    return values
