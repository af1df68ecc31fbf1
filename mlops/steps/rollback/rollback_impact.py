"""Work out what a planned rollback would change beyond `main` itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.runs.errors import MlopsError
from mlops.runs.rollback.impact import runs_without_ground
from mlops.runs.upkeep.reconcile import model_uri

if TYPE_CHECKING:
    from mlops.runs.records import Run
    from mlops.runs.rollback.plan import RollbackPlan
    from mlops.steps.rollback.rehearse import ChangedPredictions
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class Unknown:
    """Something that cannot be computed now; ``why`` says why."""

    why: str


@dataclass(frozen=True)
class RollbackImpact:
    """The impact of a rollback beyond `main` itself.

    Attributes:
        invalid_runs: Unfinished runs that could not be promoted any more.
        predictions: How the predictions for the holdout on `main` would change; None without a model.
        model_version: The registered version that the alias would move to; None if it is not registered yet.
        data_only: Whether there is no model.
    """

    invalid_runs: tuple[Run, ...]
    predictions: ChangedPredictions | Unknown | None
    model_version: str | Unknown | None
    data_only: bool = False


def impact_of(workspace: Workspace, plan: RollbackPlan) -> RollbackImpact:
    """Return what a planned rollback would change; what cannot be computed is `Unknown`."""
    runs = runs_without_ground(workspace.lake, plan)
    if not workspace.spec.has_model:
        return RollbackImpact(tuple(runs), None, None, data_only=True)
    return RollbackImpact(tuple(runs), _predictions(workspace, plan), _model_version(workspace, plan))


def _predictions(workspace: Workspace, plan: RollbackPlan) -> ChangedPredictions | Unknown:
    workspace.ports.tell("comparing predictions")
    from mlops.steps.rollback.rehearse import changed_predictions

    try:
        return changed_predictions(workspace, plan)
    except MlopsError as error:
        return Unknown(error.what)


def _model_version(workspace: Workspace, plan: RollbackPlan) -> str | Unknown | None:
    model = workspace.lake.repository
    try:
        return workspace.ports.tracker.version_of(model, model_uri(model, plan.record.to_commit))
    except MlopsError as error:
        return Unknown(error.what)
