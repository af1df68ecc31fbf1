"""Anomalies by writing past the protocol: half a promotion, a commit by hand, a merge that overwrites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.by_hand import fork_with, ingest_metadata, merge_with_strategy
from mlops.anomalies.model import Anomaly
from mlops.anomalies.points import TABLE
from mlops.anomalies.scene import FIRST, POOR, SECOND
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.main.state import kind_of

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene

_HALF = b"a model whose job died before it wrote anything else"
_MODEL_FILE = f"{names.MODEL}model.skops"


def _with_champion(scene: Scene) -> None:
    scene.arrive(FIRST)
    scene.promoted(POOR)


def _write_half(scene: Scene, _: None) -> None:
    """Write a new model to `main` directly and stop before metrics and reports are written."""
    scene.lake.write(names.MAIN, _MODEL_FILE, _HALF)


def _half_is_read(scene: Scene, _: None) -> str:
    recorded = {o["path"]: o["sha256"] for o in scene.champion()["objects"]}
    if sha256(scene.lake.read(names.MAIN, _MODEL_FILE)) == recorded[_MODEL_FILE]:
        return ""
    return "whoever reads main gets a new model with the data, metrics and report of the old one"


HALF_WRITTEN = Anomaly(
    name="half-written-main",
    story="A job writes its model straight to main and dies before the rest.",
    guard=guards.protection(),
    before=_with_champion,
    meddle=_write_half,
    seen=_half_is_read,
)


def _without_protection(scene: Scene) -> None:
    _with_champion(scene)
    guards.lift_protection(scene.ports)


def _commit_on_main(scene: Scene, _: None) -> None:
    scene.lake.write(names.MAIN, _MODEL_FILE, _HALF)
    scene.lake.commit(names.MAIN, "a quick fix", {})


def _no_lawful_kind(scene: Scene, _: None) -> str:
    head = scene.lake.commit_of(scene.head)
    return "" if kind_of(head) else f"main is at a commit of no kind, '{head.message}'"


DIRECT_WRITE = Anomaly(
    name="direct-write",
    story="An administrator lifts the protection of main and commits there.",
    guard=guards.event(guards.DIRECT, "pre-commit"),
    before=_without_protection,
    meddle=_commit_on_main,
    seen=_no_lawful_kind,
)

_PATH = names.raw_path(TABLE, SECOND)


def _late_branch(scene: Scene) -> str:
    """Return a commit with an old delivery; meanwhile the corrected one has come to `main`."""
    old = fork_with(scene.lake, "late", scene.arrive(FIRST), {_PATH: b"the delivery before its correction"})
    scene.arrive(SECOND)
    return old


def _source_wins(scene: Scene, old: str) -> None:
    merge_with_strategy(scene.lake, old, ingest_metadata(scene.lake, SECOND), "source-wins")


def _overwritten(scene: Scene, old: str) -> str:
    if scene.lake.stat(scene.head, _PATH).checksum != scene.lake.stat(old, _PATH).checksum:
        return ""
    return "an old delivery replaced its correction; nobody was told of the conflict"


SOURCE_WINS = Anomaly(
    name="source-wins-merge",
    story="A branch that was overtaken is merged with the strategy source-wins, so that nothing conflicts.",
    guard=guards.check("lawful_change", "no_strategy"),
    before=_late_branch,
    meddle=_source_wins,
    seen=_overwritten,
)
