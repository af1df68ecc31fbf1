from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.grammar.ref_expressions import Modifier, check_ref, parse

NAMES = st.text(
    st.characters(exclude_characters="~^@$ \t\n\f\r", exclude_categories=("Cs",)), min_size=1, max_size=20
)
STEPS = st.lists(st.tuples(st.sampled_from("~^"), st.integers(0, 999) | st.none()), max_size=5)


@given(NAMES, STEPS)
def test_what_is_written_is_read(name: str, steps: list[tuple[str, int | None]]) -> None:
    text = name + "".join(f"{kind}{'' if amount is None else amount}" for kind, amount in steps)
    expression = parse(text)
    assert expression.base == name
    assert expression.modifiers == tuple(
        Modifier(kind, 1 if amount is None else amount) for kind, amount in steps
    )
    assert expression.committed_only is bool(steps)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = parse(text)
    except BadRequest:
        return
    assert expression.base
    assert not set(expression.base) & set("~^@$")


@pytest.mark.parametrize(
    "text", ["", "~", "^1", "@", "$", "main~x", "main^-", "main@1", "main$x", "main~1~y"]
)
def test_malformed_expressions_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize("text", ["", "bad ref!", "a\tb", "main "])
def test_a_ref_expression_has_no_white_space(text: str) -> None:
    with pytest.raises(BadRequest):
        check_ref(text)
    assert check_ref("main~1") == "main~1"


def test_marks_of_branches() -> None:
    assert parse("main$").staging_only
    assert not parse("main$").committed_only
    assert parse("main@").committed_only
    assert not parse("main").committed_only
