"""The gallery: every anomaly is played without its guard and with it, and the outcomes are returned."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.anomalies import caches, inventing, judging, promoting, returning, served, unsigned, writing
from mlops.anomalies.answers import of_error, of_verdict
from mlops.anomalies.model import Act, Anomaly, Answer, Shown
from mlops.runs.errors import InputError, MlopsError
from mlops.runs.promotion.promote import Promotion
from mlops.settings import LakeMode

if TYPE_CHECKING:
    from mlops.anomalies.scene import Scene
    from mlops.anomalies.scratch import Scratch

ANOMALIES: tuple[Anomaly, ...] = (
    promoting.STALE,
    writing.HALF_WRITTEN,
    *returning.RESURRECTIONS,
    promoting.EDITED_GATE,
    promoting.MISSING_GATE,
    promoting.MISSING_GATE_OF_RUN,
    judging.FABRICATED,
    judging.FORGED,
    judging.LEAKED,
    promoting.FAILED_FORK,
    caches.MOVED_TAG,
    caches.MOVED_ALIAS,
    served.REDIRECTED_MODEL,
    served.CRAFTED_MODEL,
    writing.SOURCE_WINS,
    writing.DIRECT_WRITE,
    returning.DURING_ROLLBACK,
    judging.SEEDS,
    judging.POLICIES,
    inventing.SWAPPED,
    inventing.FITTED,
    inventing.INVENTED_ROWS,
    inventing.UNVALIDATED,
    inventing.UNVALIDATED_INGEST,
    inventing.INVENTED_CHAMPION,
    inventing.CLAIMED_UNSCORABLE,
    *unsigned.ANOMALIES,
)


def chosen(only: Sequence[str]) -> tuple[Anomaly, ...]:
    """Return the anomalies whose names start with one of these texts; all of them where none is given.

    Raises:
        InputError: No name starts with one of them.
    """
    for text in only:
        if not any(anomaly.name.startswith(text) for anomaly in ANOMALIES):
            raise InputError("there is no such anomaly", where=text, todo="see `mlops anomalies --list`")
    return tuple(a for a in ANOMALIES if not only or a.name.startswith(tuple(only)))


def gallery(
    anomalies: Sequence[Anomaly], folder: Path, lake: LakeMode = LakeMode.EMBEDDED
) -> Generator[Shown]:
    """Play anomalies one after the other, each in two repositories of a scratch store in ``folder``.

    The content of the folder is removed, before and afterwards; the store's server is of the kind ``lake``.
    """
    from mlops.anomalies.scratch import scratch_store

    with scratch_store(folder, lake) as scratch:
        for anomaly in anomalies:
            yield show(scratch, anomaly)


def show(scratch: Scratch, anomaly: Anomaly) -> Shown:
    """Play one anomaly without its guard, then with it."""
    return Shown(
        anomaly,
        without=_play(scratch, anomaly, disabled=True),
        guarded=_play(scratch, anomaly, disabled=False),
    )


def _play(scratch: Scratch, anomaly: Anomaly, *, disabled: bool) -> Act:
    started = time.perf_counter()
    scene = scratch.scene(anomaly, disabled=disabled)
    begun = anomaly.before(scene)
    (anomaly.guard.server if disabled else anomaly.guard.ready)(scene.workspace.ports)
    stopped = _meddle(anomaly, scene, begun)
    happened = anomaly.seen(scene, begun)
    found = scene.audited() if happened else ()
    return Act(happened, stopped, found, time.perf_counter() - started)


def _meddle(anomaly: Anomaly, scene: Scene, begun: object) -> Answer | None:
    """Carry out the anomaly; return who stopped it."""
    try:
        ended = anomaly.meddle(scene, begun)
    except MlopsError as error:
        return of_error(error)
    if isinstance(ended, Promotion) and not ended.merge_commit:
        return of_verdict(ended.decision.verdict)
    return None
