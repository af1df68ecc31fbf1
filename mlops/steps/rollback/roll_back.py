"""Roll `main` back and let everything that follows from it follow: tags, registered models, the alias."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mlops.runs.errors import TrackerUnavailable
from mlops.runs.main.protection import CACHE_S
from mlops.runs.main.state import read_main
from mlops.runs.ports import Lake, Ports
from mlops.runs.records import RollbackRecord
from mlops.runs.rollback.forward import announced
from mlops.runs.rollback.rollback import rollback
from mlops.runs.upkeep.reconcile import reconcile


@dataclass(frozen=True)
class RolledBack:
    """A rollback that moved `main`.

    Attributes:
        record: Its record.
        reset_s: Seconds until `main` was at the old promotion.
        total_s: Seconds until tags and MLflow had followed too.
        tracker_error: Why MLflow could not follow yet; None if it did.
    """

    record: RollbackRecord
    reset_s: float
    total_s: float
    tracker_error: TrackerUnavailable | None = None


def roll_back(
    ports: Ports, reason: str, to: int | None = None, *, forward: bool = False, patience_s: float = CACHE_S
) -> RolledBack | None:
    """Finish what was interrupted, return `main` to an earlier promotion, and sync tags and MLflow.

    An unreachable MLflow delays nothing: `main` moves all the same, and `reconcile` syncs MLflow later.

    Args:
        ports: The dependencies.
        reason: Why, for the record.
        to: Number of the promotion to return to; the one before the champion by default.
        forward: Whether a new commit brings the old content, instead of a reset.
        patience_s: How long a server may take to notice that `main` is protected again; with 0, completing
            the rollback is left to the next `reconcile`.

    Returns:
        The rollback, which may be one that another process had begun; None if there is nothing to return to.
    """
    earlier = _finish_earlier(ports)
    begun = time.monotonic()
    record = rollback(ports, reason, to, forward=forward) or earlier
    if record is None:
        return None
    reset_s = time.monotonic() - begun
    error: TrackerUnavailable | None = None
    try:
        reconcile(ports, patience_s=patience_s)
    except TrackerUnavailable as unavailable:
        error = unavailable
    return RolledBack(record, reset_s, time.monotonic() - begun, error)


def unfinished_rollback(lake: Lake) -> RollbackRecord | None:
    """Return the rollback that was begun and is not completed; None if there is none."""
    state = read_main(lake)
    if state.rollback is not None:
        return state.rollback
    return next((entry.record for entry in announced(lake, state) if entry.owed), None)


def _finish_earlier(ports: Ports) -> RollbackRecord | None:
    """Finish interrupted operations; return the rollback that was among them, if any."""
    under_way = unfinished_rollback(ports.lake)
    try:
        reconcile(ports)
    except TrackerUnavailable as error:
        # The lake's own part comes first and is done by now; a rollback must not wait for MLflow.
        ports.tell(f"MLflow cannot be reached, so it is synced later: {error.what}")
    return under_way
