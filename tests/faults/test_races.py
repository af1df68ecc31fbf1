"""Eight promoters, two rollbacks and two deliveries in separate processes, in orders that seeds decide.

All promoters have decided against the same champion before any of them goes on. ``just test-faults`` runs
fifty seeds, ``just test`` a handful.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.conftest import SAYS
from tests.faults.harness import Zygote
from tests.faults.races import race

SEEDS = 50
HANDFUL = 3

Say = Callable[[str, object], None]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HANDFUL))
def test_races_of_a_handful_of_seeds(zygote: Zygote, record_property: Say, seed: int) -> None:
    record_property(SAYS, race(zygote, seed).line)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(HANDFUL, SEEDS))
def test_races(zygote: Zygote, record_property: Say, seed: int) -> None:
    record_property(SAYS, race(zygote, seed).line)
