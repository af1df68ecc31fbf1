"""Anomalies around rollbacks: what was dropped comes back (three ways), or a delivery vanishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.anomalies import guards
from mlops.anomalies.by_hand import fork_with, ingest_metadata
from mlops.anomalies.meddling import blind_to_forward_rollbacks
from mlops.anomalies.model import Anomaly
from mlops.anomalies.points import MONTHS, TABLE, points
from mlops.anomalies.scene import BEST, BETTER, FIRST, POOR, REASON, SECOND, THIRD
from mlops.runs import names
from mlops.runs.errors import ProtocolMisuse
from mlops.runs.main.state import read_main, read_optional, rollbacks, since
from mlops.runs.promotion.promote import Promotion
from mlops.runs.rollback.rollback import freeze, plan_rollback

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.runs.records import Run


def _rolled_back(scene: Scene) -> Run:
    """Return a run that was promoted and rolled back, in the state before both."""
    scene.arrive(FIRST)
    scene.promoted(POOR)
    run = scene.promoted(BETTER).run
    scene.roll_back(1)
    return run


def _retry(scene: Scene, run: Run) -> None:
    scene.promoted_by_hand(run)


def _revoked_is_champion(scene: Scene, run: Run) -> str:
    champion = scene.champion()
    if champion["run_id"] != run.run_id:
        return ""
    return f"what rollback 3 took back is on main again, as promotion {champion['number']}"


RETRIED = Anomaly(
    name="resurrection-by-retry",
    story="A promotion's answer is lost, it is rolled back, and then it is tried again.",
    guard=guards.check("promotion_record", "not_revoked"),
    before=_rolled_back,
    meddle=_retry,
    seen=_revoked_is_champion,
)

_DROPPED = names.raw_path(TABLE, SECOND)


def _forked_from_dropped(scene: Scene) -> str:
    """Return a commit with a new arrival, made while `main` still held one that is dropped since."""
    from mlops.adapters import tables

    scene.arrive(FIRST)
    scene.promoted(POOR)
    arrived = {names.raw_path(TABLE, THIRD): tables.to_parquet(points(MONTHS[THIRD]))}
    source = fork_with(scene.lake, "late", scene.arrive(SECOND), arrived)
    scene.roll_back(1)
    return source


def _merge_arrival(scene: Scene, source: str) -> None:
    scene.lake.merge(source, names.MAIN, "Ingest by hand", ingest_metadata(scene.lake, THIRD))


def _dropped_arrival_back(scene: Scene, _: str) -> str:
    if read_optional(scene.lake, scene.head, _DROPPED) is None:
        return ""
    return f"the ingest of {THIRD} brought back {SECOND}, which a rollback dropped"


BY_INGEST = Anomaly(
    name="resurrection-by-ingest",
    story="An arrival's branch was forked before a rollback and is merged after it.",
    guard=guards.check("lawful_change", "ingest"),
    before=_forked_from_dropped,
    meddle=_merge_arrival,
    seen=_dropped_arrival_back,
)


def _trained_before_forward(scene: Scene) -> Run:
    """Return a run that was trained on an arrival which a rollback by a new commit has dropped since."""
    scene.arrive(FIRST)
    scene.promoted(POOR)
    scene.arrive(SECOND)
    scene.promoted(BETTER)
    run = scene.trained(BEST)
    scene.roll_back(1, forward=True)
    return run


def _promote_again(scene: Scene, run: Run) -> Promotion:
    return scene.promoted_by(run)


def _fork_dropped(scene: Scene, run: Run) -> str:
    champion, head = scene.champion(), scene.head
    if champion["run_id"] != run.run_id or since(scene.lake, head, champion["raw_commit"]).reached:
        return ""
    return "the champion comes from a commit that a rollback dropped, with data that main no longer has"


BY_FORWARD = Anomaly(
    name="resurrection-after-forward",
    story="A rollback by a new commit leaves the bad commit an ancestor; a run forked there is promoted.",
    guard=guards.Guard("lineage check by promote", ports=blind_to_forward_rollbacks),
    before=_trained_before_forward,
    meddle=_promote_again,
    seen=_fork_dropped,
)


def _frozen(scene: Scene) -> str:
    """Return a validated arrival; a rollback has stopped `main`, and its process has died there."""
    from mlops.adapters import tables

    scene.arrive(FIRST)
    scene.promoted(POOR)
    scene.promoted(BETTER)
    arrived = {_DROPPED: tables.to_parquet(points(MONTHS[SECOND]))}
    source = fork_with(scene.lake, "arrival", scene.head, arrived)
    plan = plan_rollback(scene.ports, REASON, 1)
    if plan is None:
        raise ProtocolMisuse("there is nothing to roll back", where=scene.lake.repository)
    freeze(scene.ports, plan)
    return source


def _merge_while_frozen(scene: Scene, source: str) -> None:
    """Merge without checking the state of `main`; then finish the rollback."""
    metadata = ingest_metadata(scene.lake, SECOND)
    scene.lake.merge(source, names.MAIN, "Ingest by hand", metadata)
    scene.settle()


def _vanished(scene: Scene, _: str) -> str:
    state = read_main(scene.lake)
    merged = any(_has_arrival(scene, commit) for commit in state.tags.values())
    on_record = [record for record in rollbacks(scene.lake, state) if _DROPPED in record.dropped_arrivals]
    if not merged or on_record or read_optional(scene.lake, state.head, _DROPPED) is not None:
        return ""
    return f"{SECOND} was merged and is gone, and no record says that the rollback dropped it"


def _has_arrival(scene: Scene, commit: str) -> bool:
    return read_optional(scene.lake, commit, _DROPPED) is not None


DURING_ROLLBACK = Anomaly(
    name="merge-during-rollback",
    story="A rollback has stopped main and its process has died; an arrival is merged on top.",
    guard=guards.check("lawful_change", "not_frozen"),
    before=_frozen,
    meddle=_merge_while_frozen,
    seen=_vanished,
)

RESURRECTIONS = (RETRIED, BY_INGEST, BY_FORWARD)
