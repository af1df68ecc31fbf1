"""Every guard is needed, and all of them together suffice, as far as the searches go."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.model import guards
from tests.model.explorer import Report
from tests.model.meddling import MEDDLING
from tests.model.rule import Rule
from tests.model.rules import PROTOCOL
from tests.model.scenarios import Scenario
from tests.model.searches import DEEP, DEEPEST, SEARCHES
from tests.support.enforcer import CHANGE
from tests.support.enforcer_promotion import RECORD

RULES = (*PROTOCOL, *MEDDLING)
_MAX_STATES = 60_000
_CLEAN: dict[int, Report] = {}

#: What systems that version data are known to let happen, and the rule that stands against it here.
KNOWN = {
    "a merge of changes that are not disjoint overwrites one silently": "no strategy is passed to a merge",
    "a run that writes to main itself leaves it half-written": "nothing is committed on main itself",
    "the state of a run that failed reaches main by a fork of its branch": "merges are judged",
    "an object that is reverted alone makes a main that no run has made": (
        "each kind of commit changes its own paths"
    ),
    "a comparison with a tag that lags behind the merge": (
        "the champion is what main's head says, not a tag that follows"
    ),
    "two racing promotions both land, the source wins": (
        "merges never conflict silently: no strategy, where nothing else looks at the head"
    ),
    "two racing promotions both land, their paths differ": (
        "a decision is about the champion that is replaced"
    ),
    "a run that forked while the bad commit was on main brings it back": (
        "a run whose fork was dropped is not merged"
    ),
    "a person moves main": "main is protected",
    "a merge lands, its answer is lost, a rollback follows, the run is tried again": (
        "a run that was promoted and rolled back while its answer was lost does not come back"
    ),
    "an ingest that forked from a dropped commit is merged after the rollback": (
        "an ingest brings nothing but its own arrival back"
    ),
    "after a forward rollback the bad commit is still an ancestor": (
        "what a forward rollback left among the ancestors is not what main stands on"
    ),
}


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
    found = _CLEAN.get(id(rule.scenario)) or rule.scenario.explore(max_states=_MAX_STATES)
    _CLEAN[id(rule.scenario)] = found  # rules may share a scenario
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
    found = search.explore(max_states=_MAX_STATES)
    sys.stdout.write(f"{found}\n")
    assert found.anomaly is None, str(found)
    assert found.complete, f"cut off at {found.states} states"
    assert found.states > 0, str(found)
    assert found.ends, str(found)
    if search.name == DEEP:
        assert found.depth >= DEEPEST, str(found)


def test_the_deepest_known_anomaly_is_within_the_depth_of_the_search() -> None:
    deepest = next(r for r in PROTOCOL if r.name == "a run whose fork was dropped is not merged")
    found = deepest.scenario.explore(deepest.taken_away, shortest=True, max_states=_MAX_STATES)
    assert 1 < found.steps <= DEEPEST, str(found)


def test_every_guard_of_the_enforcer_is_taken_away_by_some_rule() -> None:
    asked = {*CHANGE, *RECORD, "verdict", "pre-commit", "pre-create-tag", "pre-delete-tag"}
    assert asked <= frozenset[str]().union(*(rule.taken_away.off for rule in RULES))


def test_everything_that_a_process_can_be_made_to_see_is_seen_by_some_rule() -> None:
    source = Path(guards.__file__).read_text(encoding="utf-8")
    lies = {*guards.HIDES, *re.findall(r'_lies\("([^"]+)"\)', source)}
    assert lies == frozenset[str]().union(*(rule.taken_away.lies for rule in RULES))


def test_every_known_history_is_found_where_its_guard_is_missing() -> None:
    assert set(KNOWN.values()) <= {rule.name for rule in RULES}
