"""Checks that what is on `main`, tags and MLflow belong together, from the stored objects."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import mlops
from mlops.runs import names
from mlops.runs.main.state import read_main
from mlops.runs.main.versions import versions
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri

if TYPE_CHECKING:
    from mlops.runs.main.state import MainState
    from mlops.runs.records import Champion
    from mlops.settings import Settings
    from mlops.steps.workspace import Workspace


def belong_together(settings: Settings, workspace: Workspace) -> dict[str, bool]:
    """Return a sentence for each check, and whether it holds for `main` as it is now."""
    lake = workspace.lake
    state = read_main(lake)
    champion = state.champion
    if champion is None:
        return {"main holds a champion": False}
    own = _of_model if champion.has_model else _of_data_alone
    return {
        "every object of the promotion has the recorded SHA-256": all(
            hashlib.sha256(lake.read(state.head, o.path)).hexdigest() == o.sha256 for o in champion.objects
        ),
        "the champion tag is at that promotion's commit": state.tags.get(names.CHAMPION_TAG)
        == state.tags.get(names.promotion_tag(champion.number)),
        **own(settings, workspace, state, champion),
        "main is protected and nothing is staged": names.MAIN in lake.protection().patterns
        and not lake.staged(names.MAIN),
    }


def _of_model(
    settings: Settings, workspace: Workspace, state: MainState, _champion: Champion
) -> dict[str, bool]:
    """Return the checks of a promotion that brought a model."""
    tagged = state.tags.get(names.CHAMPION_TAG, "")
    return {
        "MLflow's alias names the model of that commit": _alias(workspace, tagged),
        "mlops.load_champion predicts what the promotion recorded": _predicts(
            settings, workspace, state.head
        ),
    }


def _of_data_alone(
    settings: Settings, workspace: Workspace, state: MainState, champion: Champion
) -> dict[str, bool]:
    """Return the checks of a promotion that is a version of data."""
    name, tracker = workspace.spec.name, workspace.ports.tracker
    version = next(v.name for v in versions(workspace.lake) if v.event.number == champion.number)
    current = mlops.load(name, settings=settings)
    return {
        f"main is at the very commit that the tag {version} names": state.tags.get(version) == state.head,
        f"mlops.load returns the rows of {version}, as many as recorded": len(current)
        == champion.metrics["rows"]
        and current.equals(mlops.load(name, version, settings=settings)),
        "MLflow has no alias, as there is no model": tracker.alias(name, CHAMPION_ALIAS) is None,
    }


def _alias(workspace: Workspace, commit: str) -> bool:
    tracker, model = workspace.ports.tracker, workspace.spec.name
    version = tracker.alias(model, CHAMPION_ALIAS)
    return version is not None and version == tracker.version_of(model, model_uri(model, commit))


def _predicts(settings: Settings, workspace: Workspace, head: str) -> bool:
    """Load the model as any user would, and compare its predictions with the recorded ones."""
    from mlops.runs.evidence import Contender
    from mlops.steps.evaluation.paired_losses import predicted_by
    from mlops.steps.evaluation.score import predict

    spec = workspace.spec
    holdout = workspace.frames.read(head, names.HOLDOUT)
    recorded = workspace.frames.read(head, names.PREDICTIONS)
    units = spec.task.units(spec, holdout, workspace.frames.read(head, names.TRAIN))
    model = mlops.load_champion(spec.name, settings=settings)
    again = predict(spec, model, units, Contender.CHAMPION)
    key = list(spec.task.unit_key(spec))
    # The champion may have been judged by another holdout of the same rows in another order.
    in_order = units[key].merge(recorded, on=key, how="left", validate="one_to_one")
    return len(units) == len(recorded) and again.equals(
        predicted_by(spec.task, in_order, Contender.CANDIDATE)
    )
