"""The error level that is left on each holdout, and the warning before little is left."""

from __future__ import annotations

import pytest

from mlops.runs.gate.budget import budgets, is_low, warning
from mlops.runs.gate.verdict import level_of
from tests.support.protocol import World, new_world

ALPHA = 0.05


def evaluated(times: int) -> tuple[World, list[str]]:
    """Return a world in which one holdout was evaluated so often, and what was reported meanwhile."""
    said: list[str] = []
    world = new_world("2013-01", "2013-02", tell=said.append)
    for k in range(times):
        world.run(mae=20.0 + k)
    return world, said


def test_what_is_left_is_what_was_not_spent() -> None:
    world, _ = evaluated(3)
    (budget,) = budgets(world.lake, world.lake.tags(), ALPHA, 10)
    assert budget.evaluations == 3
    assert budget.left == pytest.approx(ALPHA - sum(level_of(ALPHA, k) for k in (1, 2, 3)))
    assert budget.next_level == level_of(ALPHA, 4)
    assert (budget.begins[:10], budget.rows, budget.low) == ("2013-03-01", 2800, False)


def test_a_run_warns_before_little_is_left() -> None:
    _, said = evaluated(5)
    warned = [line for line in said if "of the error level" in line]
    assert warned == [warning(ALPHA, 5)]
    assert warned[0].startswith(
        "evaluation 5 on this holdout: 1 % of the error level of 5 % is left, and this one is made at 0.17 %"
    )
    assert [is_low(look) for look in (1, 4, 5, 6)] == [False, False, True, True]


def test_each_holdout_has_a_budget_of_its_own() -> None:
    world, _ = evaluated(1)
    world.judge.holdout = "b" * 64
    world.run(mae=30.0)
    world.run(mae=31.0)
    found = budgets(world.lake, world.lake.tags(), ALPHA, 10)
    assert sorted((b.holdout, b.evaluations) for b in found) == [("a" * 12, 1), ("b" * 12, 2)]
    assert len(budgets(world.lake, world.lake.tags(), ALPHA, 1)) == 1


def test_nothing_was_spent_before_the_first_evaluation() -> None:
    assert budgets(new_world("2013-01").lake, {}, ALPHA, 10) == []
