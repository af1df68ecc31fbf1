"""Eight promoters, two rollbacks and two deliveries in separate processes, in orders that seeds decide.

All promoters have decided against the same champion before any of them goes on. ``just test-faults`` runs
fifty seeds, and some more with real tables, suites and models; ``just test`` a handful.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.harness import Zygote
from tests.faults.races import race
from tests.faults.telling import SAYS, TALLY

SEEDS = 50
HANDFUL = 3
REAL_SEEDS = 5

Say = Callable[[str, object], None]


def raced(zygote: Zygote, record_property: Say, seed: int, *, steps: bool = False) -> None:
    told = race(zygote, seed, steps=steps)
    record_property(SAYS, told.line)
    record_property(TALLY, told.tally)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HANDFUL))
def test_races_of_a_handful_of_seeds(zygote: Zygote, record_property: Say, seed: int) -> None:
    raced(zygote, record_property, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(SEEDS))
def test_races(zygote: Zygote, record_property: Say, seed: int) -> None:
    raced(zygote, record_property, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(REAL_SEEDS))
def test_races_of_real_steps(zygote: Zygote, record_property: Say, seed: int) -> None:
    raced(zygote, record_property, seed, steps=True)
