from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.grammar import names
from mlops.lakeserver.grammar.ids import NewestFirstIds, is_id
from mlops.lakeserver.operations.paging import text_bounds


@given(st.binary(max_size=8), st.binary(max_size=12))
def test_the_upper_bound_is_the_first_key_beyond_the_prefix(prefix: bytes, key: bytes) -> None:
    bound = names.upper_bound(prefix)
    inside = key >= prefix and (bound is None or key < bound)
    assert inside == key.startswith(prefix)


SCALARS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)


@given(SCALARS, SCALARS)
def test_text_bounds_hold_what_begins_with_the_prefix(prefix: str, name: str) -> None:
    lower, upper = text_bounds(prefix)
    raw = name.encode()
    inside = raw >= lower.encode() and (upper is None or raw < upper.encode())
    assert inside == name.startswith(prefix)


@pytest.mark.parametrize("name", ["main", "run-1_a", "1", "_a", "A"])
def test_branch_names(name: str) -> None:
    assert names.check_branch(name) == name


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "-a", "é", "a b", "a\n", "main~1"])
def test_no_branch_names(name: str) -> None:
    with pytest.raises(BadRequest):
        names.check_branch(name)


@pytest.mark.parametrize("name", ["v1.0", "é", "-x", ".x", "v1.0-rc.1+b", "a@b", "v~1", "~", "t\x7f"])
def test_tag_names(name: str) -> None:
    assert names.check_tag(name) == name


@pytest.mark.parametrize(
    "name", ["", "@", "a.", "a.lock", "a..b", "a/b", "a@{b", "a:b", "a*", "a b", "a ", "a\x1f", "a\n"]
)
def test_no_tag_names(name: str) -> None:
    with pytest.raises(BadRequest):
        names.check_tag(name)


def test_newer_ids_come_first() -> None:
    now = [1_700_000_000.0]
    new_id = NewestFirstIds(lambda: now[0])
    made = [new_id() for _ in range(50)]
    now[0] += 5
    made += [new_id() for _ in range(50)]
    assert made == sorted(made, reverse=True)
    assert len(set(made)) == 100
    assert all(is_id(text) for text in made)
