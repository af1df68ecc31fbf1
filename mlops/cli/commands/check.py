"""Declare and run ``mlops check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result
from mlops.cli.output.text import count, metrics
from mlops.cli.session import Session
from mlops.runs.errors import SUCCESS

if TYPE_CHECKING:
    from mlops.steps.checks.check import Checked


def check(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """Check a pipeline and try it in memory, without a lake.

    Checks specification, suites, policy and holdout rule; then extracts, joins, splits, fits, saves, loads
    and scores as many arrivals as are needed for training and holdout rows. Lists every problem, with file
    and line where they are known. The exit code is that of the first problem's kind.
    """
    from mlops.steps.arrivals.source_options import options_of
    from mlops.steps.checks.check import check_pipeline

    session: Session = context.obj
    checked = check_pipeline(pipeline, session.report, options_of(pipeline, session.settings.state_dir))
    document = {
        "pipeline": pipeline,
        "declared": checked.place,
        "problems": [problem.fields() for problem in checked.problems],
        "trial": vars(checked.trial) if checked.trial is not None else None,
    }
    code = checked.problems[0].exit_code if checked.problems else SUCCESS
    return Result(document, _lines(checked), code)


def _lines(checked: Checked) -> list[str]:
    lines = [str(problem) for problem in checked.problems]
    if not lines and checked.trial is not None:
        lines += _trial_lines(checked, vars(checked.trial))
    found = count(len(checked.problems), "problem") if checked.problems else "no problem found"
    return [*lines, f"{checked.name}: {found}"]


def _trial_lines(checked: Checked, trial: dict[str, Any]) -> list[str]:
    if not trial["train_rows"]:
        return [f"tried with {', '.join(trial['arrivals'])}: {trial['rows']:,} rows, no model"]
    lines = [
        f"tried with {', '.join(trial['arrivals'])}: {trial['train_rows']:,} training rows, "
        f"{trial['holdout_rows']:,} holdout rows in {trial['clusters']:,} clusters",
        metrics(trial["metrics"]),
    ]
    if trial["clusters"] < checked.min_clusters:
        lines.append(
            f"the policy asks for {checked.min_clusters} clusters, so a run on these arrivals alone "
            "would be refused"
        )
    return lines
