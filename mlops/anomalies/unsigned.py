"""Anomalies by somebody with the lake's key and without the key that signs the record of `main`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.guards import TAGS
from mlops.anomalies.model import Anomaly
from mlops.anomalies.scene import BETTER, FIRST, POOR, REASON, SECOND
from mlops.runs import names
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_main
from mlops.runs.rollback.rollback import rollback
from mlops.steps.arrivals import ingest

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.ports import Ports

_EMPTY = b"name: promotion gate\non: {pre-merge: {branches: [nobody]}}\nhooks: []\n"


def _keyless(scene: Scene) -> Ports:
    """Return ports without a signing key."""
    return dataclasses.replace(scene.ports, signer=None, witnesses=())


def _one_promotion(scene: Scene) -> None:
    scene.arrive(FIRST)
    scene.promoted(POOR)


def _arrive_unsigned(scene: Scene, _: None) -> None:
    source, frames = ingest.from_source(scene.workspace, SECOND)
    workspace = dataclasses.replace(scene.workspace, ports=_keyless(scene))
    ingest.deliver(workspace, SECOND, source, frames)


def _arrived_unsigned(scene: Scene, _: None) -> str:
    newest = scene.lake.commit_of(scene.head)
    if newest.metadata.get("arrival") != SECOND or names.STATEMENT_KEY in newest.metadata:
        return ""
    return f"{SECOND} is on main, and nobody with the signing key put it there"


UNSIGNED_CHANGE = Anomaly(
    name="unsigned-change",
    story="Somebody with the lake's key delivers data just as the commands do, but cannot sign it.",
    guard=guards.invariant("I16"),
    before=_one_promotion,
    meddle=_arrive_unsigned,
    seen=_arrived_unsigned,
    signed=True,
)


def _empty_the_gate(scene: Scene, _: None) -> None:
    apply_policy(_keyless(scene), {names.ENFORCER: _EMPTY}, REASON)


def _gate_is_empty(scene: Scene, _: None) -> str:
    if scene.lake.read(scene.head, names.ENFORCER) != _EMPTY:
        return ""
    return "the gate on main judges no merge any more, by a policy commit in due form"


EMPTIED_GATE = Anomaly(
    name="emptied-gate",
    story="A policy commit made by hand, with a reason, leaves a gate that judges nothing.",
    guard=guards.invariant("I16"),
    before=_one_promotion,
    meddle=_empty_the_gate,
    seen=_gate_is_empty,
    signed=True,
)


def _rolled_back(scene: Scene) -> None:
    _one_promotion(scene)
    scene.promoted(BETTER)
    rollback(scene.workspace.ports, REASON)
    scene.settle()


def _delete_hold(scene: Scene, _: None) -> None:
    scene.lake.delete_tag(names.HOLD_TAG)


def _hold_gone(scene: Scene, _: None) -> str:
    if read_main(scene.lake).on_hold:
        return ""
    return "promotions go on after a rollback, and nobody said why"


DELETED_HOLD = Anomaly(
    name="deleted-hold",
    story="Somebody deletes the tag that holds promotions after a rollback.",
    guard=guards.event(TAGS, "pre-delete-tag"),
    before=_rolled_back,
    meddle=_delete_hold,
    seen=_hold_gone,
    signed=True,
)

ANOMALIES = (UNSIGNED_CHANGE, EMPTIED_GATE, DELETED_HOLD)
