"""JSON that somebody else wrote is read within bounds."""

from __future__ import annotations

import pytest

from mlops.runs import json_values
from mlops.runs.errors import Corrupt
from mlops.runs.main.state import champion_of, parse_json

DEEPEST = json_values.MAX_DEPTH
BOMBS = {
    "arrays": "[" * 5_000_000,
    "closed arrays": "[" * 5_000 + "]" * 5_000,
    "objects": '{"a":' * 100_000,
    "beside a string with brackets": '["]]]]",' * 5_000,
    "after an escaped quote": '["\\"]",' * 5_000,
    "one too deep": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.parametrize("kind", [str, str.encode], ids=["text", "bytes"])
def test_a_value_that_is_nested_too_deeply_is_refused(text, kind):
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        json_values.parse(kind(text))


def test_what_is_within_the_bounds_is_read():
    deep = json_values.parse("[" * DEEPEST + "]" * DEEPEST)
    assert len(deep) == 1
    wide = '{"rows": [' + ",".join('{"a": [1, "]["]}' for _ in range(1_000)) + "]}"
    assert len(json_values.parse(wide)["rows"]) == 1_000
    assert json_values.parse('"' + "[" * 500 + '"') == "[" * 500
    assert json_values.parse('{"a": 1}'.encode("utf-16")) == {"a": 1}


def test_many_quotes_without_an_end_take_no_time():
    with pytest.raises(ValueError, match="Unterminated"):
        json_values.parse('"' + '\\"' * 1_000_000 + "[" * 200)


def test_a_text_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(json_values, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="larger than 10 bytes"):
        json_values.parse(b"[1, 2, 3, 4]")


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000], ids=["arrays", "objects"])
def test_a_bomb_in_the_lake_is_corrupt_and_named(data):
    with pytest.raises(Corrupt) as caught:
        parse_json(data, "0123456789ab:champion.json")
    assert str(caught.value) == "0123456789ab:champion.json: not JSON: nested more than 100 levels deep"
    with pytest.raises(Corrupt):
        champion_of(data, "0" * 64)
