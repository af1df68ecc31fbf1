"""Promoters that all decided against one champion: how long until each of them has won or is refused."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.faults.races import PROMOTERS, settle_racing_promoters

LIMIT_S = 10.0


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the row of promoters that race, in processes of their own, on a server and MLflow's store.

    The time goes from the moment at which the last of them has decided until the last has ended. After every
    race it is checked that each champion was replaced once and that nobody waits, trained again or was lost.
    """
    times: list[float] = []
    for repetition in range(min(scale.repetitions, 3)):
        tell(f"{PROMOTERS} promoters, race {repetition + 1}")
        place = folder / str(repetition)
        place.mkdir()
        times.append(settle_racing_promoters(place))
    name = f"{PROMOTERS} racing promoters, until all have settled"
    return [Row(name, statistics.median(times), "s", bound=LIMIT_S)]
