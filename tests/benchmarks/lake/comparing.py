"""Rows that hold one side against the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from tests.benchmarks.lake.scale import Scale
from tests.benchmarks.lake.sides import OURS, THEIRS, LakeSide
from tests.benchmarks.measuring import Side, interleaved, medians
from tests.benchmarks.report import Row

#: The servers by name; without the real one where it is not installed.
Sides = Mapping[str, LakeSide]


def measured(scale: Scale, turns: Mapping[str, Side]) -> dict[str, float]:
    """Return the median of each side's turns, after one that is not counted."""
    for turn in turns.values():
        turn(0)
    return medians(interleaved(scale.repetitions, turns, first=1))


def row(name: str, unit: str, found: Mapping[str, float], ours: str = OURS) -> Row:
    """Return the row that holds ours against theirs: a rate has to be as high, a time as low."""
    rate = unit in ("1/s", "MiB/s")
    other = found.get(THEIRS)
    bound = None if other is None else 1.0
    return Row(name, found[ours], unit, other, bound, at_least=rate)


def beside(name: str, unit: str, found: Mapping[str, float]) -> Row:
    """Return the row that shows the durable side next to the same other, without a bound."""
    return Row(name, found[OURS], unit, found.get(THEIRS))


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run `work` on so many threads.

    Raises:
        RuntimeError: One of them failed.
    """
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError("a client failed") from failures[0]
