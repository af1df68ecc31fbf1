"""(b) Rolling back costs the same however many objects `main` holds."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from pathlib import Path

from mlops.adapters.lake.lake import LakeFSLake
from mlops.adapters.system import SystemClock, SystemProcesses, nonce
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs.digest import sha256
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.benchmarks.measuring import interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import ScratchServer, real_lakefs_is_there, scratch_server
from tests.support.fakes import inputs
from tests.support.protocol import World, new_world, run

#: Longest that a rollback may take, seconds; a real lakeFS caches protection rules for 3 to 6 s.
LIMIT_S = {"embedded": 1.0, "lakefs": 8.0}
RATIO = 1.5
#: Rollbacks of one repetition; on the embedded server one takes so little that anything may happen in it.
IN_A_ROW = {"embedded": 3, "lakefs": 1}


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows of the embedded server and, where the program is installed, of a real lakeFS."""
    rows = _on_a_server("embedded", folder, scale, tell)
    if real_lakefs_is_there():
        rows += _on_a_server("lakefs", folder, scale, tell)
    return rows


def _on_a_server(kind: str, folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    few, many = scale.few_objects, scale.rollback_objects
    in_a_row = IN_A_ROW[kind]
    with scratch_server(kind, folder) as server:
        tell(f"{server.name}: filling repositories with {few:,} and {many:,} objects")
        sides = {str(size): RolledBack(server, folder, size) for size in (few, many)}
        calls = {size: functools.partial(side.several, in_a_row) for size, side in sides.items()}
        interleaved(1, calls)
        for side in sides.values():
            side.caches_s.clear()
        tell(f"{server.name}: rolling back")
        figures = medians(interleaved(scale.repetitions, calls))
        name = server.name
    rows = [
        Row(f"(b) rollback, {name}, {int(size):,} objects", figures[size], "s", bound=LIMIT_S[kind])
        for size in sides
    ]
    if kind == "embedded":  # on a real lakeFS what is measured is when its cache of rules ran out
        title = f"(b) rollback, {many:,} objects against {few:,}"
        rows.insert(0, Row(title, figures[str(many)], "s", figures[str(few)], RATIO))
        caches_s = [taken_s for side in sides.values() for taken_s in side.caches_s]
        rows.append(Row("tags and MLflow after a rollback", statistics.median(caches_s), "s"))
    return rows


class RolledBack:
    """A repository that is promoted to and rolled back again and again; its models are numbers."""

    def __init__(self, server: ScratchServer, folder: Path, objects: int) -> None:
        lake = server.repository(f"rollback-{objects}", objects)
        database = folder / f"{server.state_dir.name}-{objects}.db"
        self._world: World = new_world(
            "2013-01",
            lake=lake,
            tracker=MLflowTracker(f"sqlite:///{database}", lake.repository),
            clock=SystemClock(),
            processes=SystemProcesses(),
            nonce=nonce,
        )
        self._lake: LakeFSLake = lake
        self._turn = 0
        self.caches_s: list[float] = []
        self._promote(mae=10.0)
        self._target = lake.head("main")

    def several(self, times: int, _repetition: int) -> float:
        """Return the median of several rollbacks in a row, in seconds."""
        return statistics.median(self._once() for _ in range(times))

    def _once(self) -> float:
        """Promote a better model on newer data, and return how long going back takes, in seconds."""
        ports = self._world.ports
        self._world.arrive("2013-02", f"rows of turn {self._turn}".encode())
        self._promote(mae=5.0)
        taken_s = seconds(lambda: rollback(ports, "measured"))
        self.caches_s.append(seconds(lambda: reconcile(ports)))
        if self._lake.head("main") != self._target:
            raise RuntimeError("the rollback did not arrive where it should")
        resume(ports, "measured again")
        return taken_s

    def _promote(self, mae: float) -> None:
        self._turn += 1
        # Every look at a holdout costs some of the error level: each turn has a holdout of its own.
        self._world.judge.holdout = f"{self._turn:064x}"
        raw = sha256(self._world.raw().encode())
        ended = run(self._world.ports, self._world.judge, mae, inputs({"mae": mae, "turn": self._turn}, raw))
        if not ended.merge_commit:
            raise RuntimeError(f"nothing was promoted: {ended.decision.verdict.sentence}")
