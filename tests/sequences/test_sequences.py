"""Random sequences of commands: the audit stays clean, and nothing is spent or told wrongly."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.sequences.machine import Sequences
from tests.sequences.shop import Shop

pytestmark = pytest.mark.slow

_STEPS = 25


def _play(shop: Shop, sequences: int, number: int) -> None:
    """Play so many sequences, always the same ones for a number."""

    @seed(number)
    @settings(
        max_examples=sequences,
        stateful_step_count=_STEPS,
        phases=[Phase.generate],  # a failure tells the commands that led to it; shrinking takes minutes
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    class Played(Sequences):
        pass

    Played.shop = shop
    run_state_machine_as_test(Played)


@pytest.mark.parametrize("number", range(4))
def test_twenty_sequences_keep_the_audit_clean(shop: Shop, number: int) -> None:
    _play(shop, 5, number)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(100, 120))
def test_three_hundred_sequences_keep_the_audit_clean(shop: Shop, number: int) -> None:
    _play(shop, 15, number)
