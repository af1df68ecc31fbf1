"""Anomalies of caches of `main`: a tag and an alias that are moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.model import Anomaly
from mlops.anomalies.scene import BETTER, FIRST, POOR
from mlops.runs import names
from mlops.runs.upkeep.reconcile import CHAMPION_ALIAS, model_uri

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene


def _two_promotions(scene: Scene) -> None:
    scene.arrive(FIRST)
    scene.promoted(POOR)
    scene.promoted(BETTER)


def _move_tag(scene: Scene, _: None) -> None:
    old = scene.lake.tags()[names.promotion_tag(1)]
    scene.lake.delete_tag(names.CHAMPION_TAG)
    scene.lake.create_tag(names.CHAMPION_TAG, old)


def _tag_names_another(scene: Scene, _: None) -> str:
    tags = scene.lake.tags()
    if tags.get(names.CHAMPION_TAG) != tags[names.promotion_tag(1)]:
        return ""
    return f"the tag champion names promotion 1, main holds promotion {scene.champion()['number']}"


MOVED_TAG = Anomaly(
    name="hand-moved-tag",
    story="Somebody puts the tag champion back at the model they like better.",
    guard=guards.event(guards.TAGS, "pre-create-tag"),
    before=_two_promotions,
    meddle=_move_tag,
    seen=_tag_names_another,
)


def _first_version(scene: Scene) -> str | None:
    model, commit = scene.lake.repository, scene.lake.tags()[names.promotion_tag(1)]
    return scene.ports.tracker.version_of(model, model_uri(model, commit))


def _move_alias(scene: Scene, _: None) -> None:
    scene.ports.tracker.set_alias(scene.lake.repository, CHAMPION_ALIAS, _first_version(scene))


def _alias_names_another(scene: Scene, _: None) -> str:
    if scene.ports.tracker.alias(scene.lake.repository, CHAMPION_ALIAS) != _first_version(scene):
        return ""
    return f"MLflow serves promotion 1 as champion, main holds promotion {scene.champion()['number']}"


MOVED_ALIAS = Anomaly(
    name="hand-moved-alias",
    story="Somebody moves the alias champion in MLflow, which has no guards of its own.",
    guard=guards.invariant("I11"),
    before=_two_promotions,
    meddle=_move_alias,
    seen=_alias_names_another,
)
