"""Patterns of branch protection rules and of action files: what they match, and how long that takes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.grammar.branch_patterns import matches
from mlops.lakeserver.grammar.wildcards import MAX_PATTERN_CHARS, BadPattern
from mlops.lakeserver.hooks import globs


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("main", ["main"], ["main2", "amain", "mai"]),
        ("pro*", ["pro", "production"], ["apro"]),
        ("*", ["x", "a-b"], []),
        ("v?", ["v1"], ["v", "v12"]),
        ("a.c", ["a.c"], ["abc"]),
        ("{main,prod}", ["main", "prod"], ["mai", "mainprod", "{main,prod}"]),
        ("[a-m]*", ["main", "a"], ["prod", "M"]),
        ("[!a-m]*", ["prod"], ["main"]),
        ("b[12]", ["b1", "b2"], ["b3", "b12", "b[12]"]),
        ("[!ab]", ["c"], ["a", "b"]),
        ("ma\\in", ["main"], ["ma\\in"]),
        ("main\\", ["main"], ["main\\"]),
        ("r\\*", ["r*"], ["rx"]),
        ("a,b}", ["a,b}"], ["a"]),
        ("{a*,b}-{1,2}", ["a-1", "axx-2", "b-1"], ["c-1", "b-3"]),
        ("{a{b,c},d}", ["ab", "ac", "d"], ["a", "abd"]),
        ("{a,b", ["a", "b"], ["{a,b"]),
        ("rel-**", ["rel-", "rel-1"], ["rel"]),
        ("a*a", ["a", "aa", "aba"], ["ab"]),
        ("{a*}a", ["a", "aa", "aba"], ["ab", "ba"]),
        ("{{a}*}{a}", ["a", "aa", "aba"], ["ab"]),
        ("{a*a}", ["a", "aa", "aba"], ["ab"]),
        (r"\{a*a", ["{a", "{aa", "{aba"], ["a", "aa"]),
        ("*é?", ["éü", "aéb"], ["é"]),
    ],
)
def test_protection_patterns(pattern: str, names: list[str], others: list[str]) -> None:
    assert [name for name in names if not matches(pattern, name)] == []
    assert [name for name in others if matches(pattern, name)] == []


@pytest.mark.parametrize(
    "pattern", ["[", "a[", "[]", "[!]", "[a", "[a-", "[z-a]", "[a-cx]", "[a-]", "\ufffd", "*" * 1025]
)
def test_malformed_protection_patterns(pattern: str) -> None:
    with pytest.raises(BadPattern):
        matches(pattern, "main")


def _by_definition(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_by_definition(pattern[1:], name[at:]) for at in range(len(name) + 1))
    if pattern[0] == "{":
        inside, _, rest = pattern[1:].partition("}")
        return any(_by_definition(part + rest, name) for part in inside.split(","))
    return bool(name) and pattern[0] in {"?", name[0]} and _by_definition(pattern[1:], name[1:])


PIECES = st.sampled_from(["a", "b", "*", "?", "{a,b}", "{*a,b?}", "{ab,a,b*}"])


@given(st.lists(PIECES, max_size=5).map("".join), st.text("ab", min_size=1, max_size=6))
def test_patterns_match_as_by_definition(pattern: str, name: str) -> None:
    overlapping = "{" not in pattern and "?" not in pattern and "*" in pattern.strip("ab")
    expected = _by_definition(pattern, name)
    assert matches(pattern, name) == expected or (overlapping and not expected)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 25 + "b", "*a" * 500 + "b", "{a,aa}" * 100 + "b", "{*,*a}" * 100 + "b", "[a-z]*" * 150 + "1"],
)
@pytest.mark.parametrize("match", [matches, globs.match])
def test_no_pattern_takes_long(pattern: str, match: Any) -> None:
    begun = time.monotonic()
    match(pattern, "a" * 200)
    match(pattern, "a" * 2_000)
    assert time.monotonic() - begun < 2


def protect(api: Any, *patterns: str) -> None:
    rules = [{"pattern": pattern} for pattern in patterns]
    assert api("PUT", "R/settings/branch_protection", rules).status == 204


@pytest.mark.parametrize("pattern", ["{main,prod}", "[a-m]*", "mai[n]", "ma\\in"])
def test_a_branch_is_protected_by_every_kind_of_pattern(api: Any, pattern: str) -> None:
    api.put("a")
    protect(api, pattern)
    for answer in (
        api("POST", "R/branches/main/objects", data=b"x", path="a"),
        api("DELETE", "R/branches/main/objects", path="a"),
        api("POST", "R/branches/main/commits", {"message": "m"}),
        api("PUT", "R/branches/main", {"type": "reset"}),
        api("PUT", "R/branches/main/hard_reset", ref="main"),
    ):
        assert answer.status == 403
        assert "protected branch" in answer.message


def test_a_malformed_rule_stops_every_write_and_can_be_replaced(api: Any) -> None:
    protect(api, "[")
    answer = api("POST", "R/branches/main/objects", data=b"x", path="a")
    assert (answer.status, answer.message) == (500, "branch protection rule: unexpected end of input")
    assert api("POST", "R/branches/main/commits", {"message": "m"}).status == 500
    errors = api.ok("POST", "R/branches/main/objects/delete", {"paths": ["a"]})["errors"]
    assert [(error["path"], error["status_code"]) for error in errors] == [("a", 500)]
    protect(api, "other")
    api.put("a")


def test_a_rule_that_is_too_long_is_refused(api: Any) -> None:
    rules = [{"pattern": "a" * (MAX_PATTERN_CHARS + 1)}]
    assert api("PUT", "R/settings/branch_protection", rules).status == 400


@pytest.mark.parametrize("pattern", ["*a" * 25 + "b", "{*,*a}" * 100 + "b"])
def test_a_stored_pattern_does_not_stop_the_server(api: Any, server: Any, pattern: str) -> None:
    """Also one that an earlier version took without a look at it."""
    rules = f'[{{"pattern": "{pattern}"}}]'
    server.lake.store.write(
        lambda tx: tx.execute("UPDATE repositories SET protection = ? WHERE id = ?", (rules, api.repository))
    )
    branch = "a" * 60
    api.branch(branch)
    begun = time.monotonic()
    api.put("x", branch=branch)
    assert time.monotonic() - begun < 2
