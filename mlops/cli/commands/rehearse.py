"""Declare and run ``mlops rehearse``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mlops.cli.options import Json, Pipeline, Target
from mlops.cli.output.results import Result, place_of
from mlops.cli.output.text import columns, count, short
from mlops.cli.session import Session

if TYPE_CHECKING:
    from mlops.steps.rollback.rehearse import Rehearsal
    from mlops.steps.workspace import Workspace


def rehearse(context: typer.Context, pipeline: Pipeline, to: Target = "", json: Json = False) -> Result:
    """Try a rollback on a scratch branch.

    Loads the old model, scores its holdout, reports how long each step took, and removes the branch.
    """
    from mlops.runs.rollback.target import target_number

    session: Session = context.obj
    workspace = session.workspace(pipeline)
    session.report("loading libraries")
    from mlops.steps.rollback.rehearse import rehearse as rehearse_rollback

    number = target_number(workspace.lake, to) if to else None
    return _result(workspace, rehearse_rollback(workspace, number))


def _measured(workspace: Workspace, done: Rehearsal) -> str:
    if done.value is None:
        return ""
    return f"{done.metric} {done.value:.4g} {workspace.spec.unit} on "


def _result(workspace: Workspace, done: Rehearsal) -> Result:
    document = {
        **place_of(workspace),
        "to_number": done.to_number,
        "to_commit": done.to_commit,
        "objects": done.objects,
        "rows": done.rows,
        "metric": done.metric,
        "value": done.value,
        # The key that the document had when every policy was about this metric.
        **({"mae": done.value} if done.metric == "mae" else {}),
        "unit": workspace.spec.unit,
        "seconds": {step: round(seconds, 3) for step, seconds in done.seconds.items()},
    }
    lines = [
        f"promotion {done.to_number} ({short(done.to_commit)}) was restored on a scratch branch: "
        f"{count(done.objects, 'object')}, {_measured(workspace, done)}{count(done.rows, 'row')}",
        *columns([(f"{seconds:.3f} s", step) for step, seconds in done.seconds.items()], right=(0,)),
        "main, tags and MLflow are unchanged",
    ]
    return Result(document, lines)
