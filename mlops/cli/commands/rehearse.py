"""``rehearse``, and what a planned rollback would mean beyond main itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.cli.output.results import Result
from mlops.cli.output.text import columns, count, short
from mlops.cli.session import Session
from mlops.runs.errors import MlopsError

if TYPE_CHECKING:
    from mlops.runs.rollback.rollback import RollbackPlan
    from mlops.steps.workspace import Workspace


def rehearse(session: Session, pipeline: str, to: str) -> Result:
    """Go back on a scratch branch and tell how long that takes; main stays as it is."""
    from mlops.runs.rollback.target import target_number

    workspace = session.workspace(pipeline)
    session.tell("loading libraries")
    from mlops.steps import rehearse as rehearsal

    number = target_number(workspace.lake, to) if to else None
    told = rehearsal.rehearse(workspace, number)
    document = {
        "pipeline": pipeline,
        "repository": workspace.lake.repository,
        "endpoint": workspace.lake.endpoint,
        "to_number": told.to_number,
        "to_commit": told.to_commit,
        "objects": told.objects,
        "rows": told.rows,
        "mae": told.mae,
        "unit": workspace.spec.unit,
        "seconds": {step: round(seconds, 3) for step, seconds in told.seconds.items()},
    }
    rows = [(f"{seconds:.3f} s", step) for step, seconds in told.seconds.items()]
    lines = [
        f"promotion {told.to_number} ({short(told.to_commit)}) came back on a scratch branch: "
        f"{count(told.objects, 'object')}, mae {told.mae:.4g} {workspace.spec.unit} "
        f"on {count(told.rows, 'row')}",
        *columns(rows, right=(0,)),
        "main, tags and MLflow are as they were",
    ]
    return Result(document, lines)


def blast_radius(session: Session, workspace: Workspace, plan: RollbackPlan) -> dict[str, Any]:
    """Return what a rollback would mean for runs in flight, predictions and the registered model."""
    from mlops.runs.rollback.impact import runs_without_ground

    runs = runs_without_ground(workspace.lake, plan)
    return {
        "invalid_runs": [{"run_id": run.run_id, "step": str(run.step)} for run in runs],
        "predictions": _predictions(session, workspace, plan),
        "model_version": _version(workspace, plan),
    }


def _predictions(session: Session, workspace: Workspace, plan: RollbackPlan) -> dict[str, Any]:
    session.tell("comparing predictions")
    from mlops.steps.rehearse import changed_predictions

    try:
        told = changed_predictions(workspace, plan)
    except MlopsError as error:
        return {"unknown": error.what}
    return {"rows": told.rows, "changed": told.changed, "mean_change": told.mean_change}


def _version(workspace: Workspace, plan: RollbackPlan) -> dict[str, Any]:
    from mlops.runs.upkeep.reconcile import model_uri

    model = workspace.lake.repository
    try:
        version = workspace.ports.tracker.version_of(model, model_uri(model, plan.record.to_commit))
    except MlopsError as error:
        return {"unknown": error.what}
    return {"model": model, "version": version}


def lines_of(radius: dict[str, Any], unit: str) -> list[str]:
    """Return the same for people."""
    lines = [
        f"run {run['run_id']} at step {run['step']} could not be promoted any more"
        for run in radius["invalid_runs"]
    ]
    predictions, version = radius["predictions"], radius["model_version"]
    if "unknown" in predictions:
        lines.append(f"how predictions would change cannot be told: {predictions['unknown']}")
    else:
        lines.append(
            f"{predictions['changed']:,} of {count(predictions['rows'], 'row')} of the holdout would get "
            f"another prediction, by {predictions['mean_change']:.4g} {unit} on average"
        )
    if "unknown" in version:
        lines.append(f"which model version would follow cannot be told: {version['unknown']}")
    else:
        named = f"version {version['version']}" if version["version"] else "a version to be registered"
        lines.append(f"the alias champion of {version['model']} would follow to {named}")
    return lines
