"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.measuring import MIB


@dataclass(frozen=True)
class Scale:
    """Sizes and repetitions.

    Attributes:
        repetitions: Of everything that is compared.
        turn_s: How long one turn of uploads takes, seconds.
        sizes: Objects of the repositories, thousands only, smallest first.
        file_bytes: Size of the file that is sent and fetched.
        commits: Commits of each of several clients in one turn.
    """

    repetitions: int = 5
    turn_s: float = 0.7
    sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    file_bytes: int = 64 * MIB
    commits: int = 5


FULL = Scale()
#: For whoever works on the benchmark itself.
QUICK = Scale(repetitions=2, turn_s=0.2, sizes=(1_000, 20_000), file_bytes=8 * MIB, commits=2)
