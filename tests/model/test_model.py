"""Every guard is needed, and all of them together suffice, as far as the searches go."""

from __future__ import annotations

import sys

import pytest

from tests.model.rules import RULES, Rule
from tests.model.scenarios import Scenario
from tests.model.searches import DEEPEST, SEARCHES

_MAX_STATES = 60_000


def _named(thing: Rule | Scenario) -> str:
    return thing.name


@pytest.mark.parametrize("rule", RULES, ids=_named)
def test_without_a_guard_its_anomaly_appears(rule: Rule) -> None:
    found = rule.scenario.explore(rule.taken_away, shortest=True, max_states=_MAX_STATES)
    sys.stdout.write(f"{found}\n")
    assert found.anomaly is not None, f"nothing happens without it: {found}"
    assert found.anomaly.name == rule.anomaly, str(found)


@pytest.mark.parametrize("rule", RULES, ids=_named)
def test_with_all_guards_the_same_scenario_is_clean(rule: Rule) -> None:
    found = rule.scenario.explore(max_states=_MAX_STATES)
    assert found.anomaly is None, str(found)
    assert found.complete, str(found)
    assert found.ends, str(found)


@pytest.mark.parametrize(
    ("rule", "place"),
    [(rule, i) for rule in RULES for i in range(len(rule.places))],
    ids=lambda value: value.name if isinstance(value, Rule) else str(value),
)
def test_a_rule_that_is_asked_twice_holds_where_one_place_forgets_it(rule: Rule, place: int) -> None:
    found = rule.scenario.explore(rule.places[place], max_states=_MAX_STATES)
    assert found.anomaly is None, str(found)


@pytest.mark.parametrize("search", SEARCHES, ids=_named)
def test_with_all_guards_there_is_no_anomaly(search: Scenario) -> None:
    found = search.explore(shortest=search.max_steps >= DEEPEST, max_states=_MAX_STATES)
    sys.stdout.write(f"{found}\n")
    assert found.anomaly is None, str(found)
    assert found.complete, f"cut off at {found.states} states"
    assert found.states > 0, str(found)
    assert found.ends, str(found)
