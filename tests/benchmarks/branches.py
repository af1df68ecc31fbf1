"""(c) Creating a branch costs the same however many objects it holds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from mlops.adapters.lake.lake import LakeFSLake
from tests.benchmarks.measuring import interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server

#: Branches created in a row; one alone takes two milliseconds, in which anything may happen.
_IN_A_ROW = 100


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the row that compares a small repository with a large one."""
    few, many = scale.few_objects, scale.many_objects
    with scratch_server("embedded", folder) as server:
        tell(f"filling repositories with {few:,} and {many:,} objects")
        sides = {
            "few": _creator(server.repository("few", few)),
            "many": _creator(server.repository("many", many)),
        }
        interleaved(1, sides)
        figures = medians(interleaved(scale.repetitions, sides))
    name = f"(c) new branch, {many:,} objects against {few:,}"
    return [Row(name, figures["many"] * 1000, "ms", figures["few"] * 1000, 1.5)]


def _creator(lake: LakeFSLake) -> Callable[[int], float]:
    head = lake.head("main")
    numbers = iter(range(1_000_000))

    def create(_repetition: int) -> float:
        return statistics.median(
            seconds(lambda: lake.create_branch(f"branch-{next(numbers)}", head)) for _ in range(_IN_A_ROW)
        )

    return create
