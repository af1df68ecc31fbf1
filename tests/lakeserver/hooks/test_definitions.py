"""Action files, branch patterns, conditions and variables, beyond what was recorded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.hooks.conditions import BadCondition, holds
from mlops.lakeserver.hooks.definitions import parse_action, parse_actions
from mlops.lakeserver.hooks.globs import BadPattern, match
from mlops.lakeserver.hooks.interface import EVENT_TYPES, ActionFileInvalid
from mlops.lakeserver.hooks.webhook.templating import MissingVariable, fill, fill_all

HOOK = {"id": "gate", "type": "lua", "properties": {"script": "print(1)"}}


def test_the_key_on_is_a_word():
    action = parse_action(
        b"name: gate\non:\n  pre-merge:\n    branches: [main, 'rel-*']\n  post-merge:\nhooks: []\n"
    )
    assert action.on == {"pre-merge": ("main", "rel-*"), "post-merge": ()}
    assert action.matches("pre-merge", "rel-1")
    assert not action.matches("pre-merge", "dev")
    assert action.matches("post-merge", "dev")
    assert not action.matches("pre-commit", "main")


@pytest.mark.parametrize("event", sorted(EVENT_TYPES))
def test_every_event_may_be_named(event):
    assert parse_action(json.dumps({"name": "all of them", "on": {event: None}}).encode()).matches(
        event, "main"
    )


def test_there_are_seventeen_events():
    assert len(EVENT_TYPES) == 17


def test_names_are_unique_over_files():
    text = json.dumps({"name": "same", "on": {"pre-merge": None}}).encode()
    with pytest.raises(ActionFileInvalid, match="action name 'same' already loaded"):
        parse_actions([("a", text), ("b", text)])


def test_every_invalid_file_is_named():
    with pytest.raises(ActionFileInvalid) as invalid:
        parse_actions([("a", b"x: ["), ("b", b"name: ok\non: {pre-merge: }"), ("c", b"")])
    assert invalid.value.message.startswith("2 errors occurred:\n\t* parsing file a: yaml: ")
    assert "\n\t* parsing file c: 'name' is required: invalid action\n\n" in invalid.value.message


def test_properties_keep_their_values():
    properties = {"script": "x", "args": {"n": 1, "f": 0.5, "deep": [{"a": None}], "s": "on"}}
    action = parse_action(
        json.dumps(
            {"name": "gate", "on": {"pre-merge": None}, "hooks": [{**HOOK, "properties": properties}]}
        ).encode()
    )
    assert action.hooks[0].properties == properties


@given(st.binary(max_size=60) | st.text("name: on{}[]\n-\"'&*!|>#%@`?,", max_size=60).map(str.encode))
def test_any_file_is_an_action_or_invalid(text):
    message = "none"
    try:
        parse_action(text)
    except ActionFileInvalid as invalid:
        message = invalid.message
    assert message


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("main", "main", True),
        ("*", "main", True),
        ("", "", True),
        ("", "a", False),
        ("*", "a/b", False),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a**c", "abc", True),
        ("?", "a", True),
        ("?", "/", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        (r"[\]]", "]", True),
        ("[b-a]", "a", False),
        ("[^b-a]", "a", True),
        ("run-?*", "run-1", True),
        ("a.c", "abc", False),
        ("main", "main\n", False),
        ("é?", "éü", True),
    ],
)
def test_branch_patterns(pattern, name, expected):
    assert match(pattern, name) is expected


@pytest.mark.parametrize("pattern", ["[", "[]", "[]a]", "[a", "[-a]", "[a-]", "x\\", "[^]", "[a-\\", "*["])
def test_malformed_branch_patterns_are_refused(pattern):
    with pytest.raises(BadPattern):
        match(pattern, "main")


@given(st.text("ab*?", max_size=6), st.text("ab", max_size=6))
def test_patterns_match_as_by_definition(pattern, name):
    def by_definition(p: str, n: str) -> bool:
        if not p:
            return not n
        if p[0] == "*":
            return any(by_definition(p[1:], n[i:]) for i in range(len(n) + 1))
        return bool(n) and p[0] in {"?", n[0]} and by_definition(p[1:], n[1:])

    assert match(pattern, name) == by_definition(pattern, name)


@pytest.mark.parametrize(
    ("expression", "after_success", "after_failure"),
    [
        ("", True, False),
        ("success()", True, False),
        ("failure()", False, True),
        ("true", True, True),
        ("not success()", False, True),
        ("!(success() || failure())", False, False),
        ("success() and failure() or true", True, True),
        ("success() == failure()", False, False),
        ("success() ? failure() : true", False, True),
        ("1 < 2", True, True),
        ("'a' == \"a\"", True, True),
    ],
)
def test_conditions(expression, after_success, after_failure):
    assert holds(expression, failed=False) is after_success
    assert holds(expression, failed=True) is after_failure


@given(st.text("()!&|?:=<>truefalsnocyi \"'01", max_size=14))
def test_any_condition_holds_or_is_refused(expression):
    try:
        value = holds(expression, failed=False)
    except BadCondition as refused:
        value = not str(refused)
    assert value in {True, False}


def test_variables_are_filled_in_and_hidden():
    environ = {"LAKEFSACTION_A": "1", "HOME": "/root"}.get
    assert fill("plain", environ).value == str(fill("plain", environ)) == "plain"
    filled = fill("a{{ ENV.LAKEFSACTION_A }}b{{ENV.HOME}}c", environ)
    assert (filled.value, str(filled)) == ("a1bc", "*******")
    with pytest.raises(MissingVariable, match="LAKEFSACTION_B not found: missing env var"):
        fill("{{ ENV.LAKEFSACTION_B }}", environ)
    nested = {
        "a": ["{{ ENV.LAKEFSACTION_A }}", {"b": "{{ENV.LAKEFSACTION_A}}"}],
        "n": 5,
        5: "{{ ENV.LAKEFSACTION_A }}",
    }
    assert fill_all(nested["a"], environ) == ["1", {"b": "1"}]
    assert fill_all(nested, environ) == nested  # a mapping with other keys is left alone, as lakeFS leaves it
