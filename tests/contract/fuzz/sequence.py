"""The random sequence of requests of a seed."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.fuzz import history_requests, object_requests, settings_requests
from tests.contract.fuzz.maker import Maker
from tests.contract.fuzz.vocabulary import Dice
from tests.contract.fuzz.wire import Operation

REQUESTS = 120

_WEIGHTS: dict[Callable[[Maker], None], float] = {
    **object_requests.WEIGHTS,
    **history_requests.WEIGHTS,
    **settings_requests.WEIGHTS,
}


def sequence(seed: int, count: int = REQUESTS) -> list[Operation]:
    """Return the requests of a seed; the same ones each time.

    Args:
        seed: a number.
        count: about how many.
    """
    maker = Maker(Dice(seed, odds=(0.02, 0.06, 0.15)[seed % 3]))
    settings_requests.begin(maker)
    makers, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    while len(maker.made) < count:
        maker.dice.choices(makers, weights)[0](maker)
    return maker.made
