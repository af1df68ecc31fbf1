"""Paths of values: one for each value, no way out of a folder, and back again."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.orchestration.lake.errors import ValueRefused
from mlops.orchestration.lake.paths import asset_path, decode, encode, parse_asset_path, step_path

PARTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", ".", "..", "../x", "a/b", "a=b", "%", "%2E", "data", "partition=", "a.parquet", "\0"]
    ),
)
KEYS = st.lists(PARTS, min_size=1, max_size=3)
PARTITIONS = st.none() | st.dictionaries(PARTS, PARTS, min_size=1, max_size=2)
VALUES = st.tuples(KEYS, PARTITIONS)


@given(VALUES)
def test_a_path_is_turned_back_into_asset_and_partition(
    value: tuple[list[str], dict[str, str] | None],
) -> None:
    assert parse_asset_path(asset_path(*value, ".parquet"), ".parquet") == value


@given(VALUES, VALUES)
def test_no_value_shares_a_path_or_has_another_below_it(
    one: tuple[list[str], dict[str, str] | None], other: tuple[list[str], dict[str, str] | None]
) -> None:
    first, second = (PurePosixPath(asset_path(*value, ".parquet")) for value in (one, other))
    assert (first == second) == (one == other)
    assert first not in second.parents


@given(VALUES)
def test_no_path_leads_out_of_its_folder(value: tuple[list[str], dict[str, str] | None]) -> None:
    path = asset_path(*value, ".parquet")
    assert not path.startswith("/")
    assert re.fullmatch(r"[A-Za-z0-9_%=-]+(/[A-Za-z0-9_%=-]+)*\.parquet", path)


@given(st.text(st.characters(), max_size=20))
def test_any_text_is_a_name_and_comes_back(part: str) -> None:
    assert decode(encode(part)) == part


@pytest.mark.parametrize(
    ("key", "partition", "path"),
    [
        (["shop", "orders"], None, "shop/orders.json"),
        (["orders"], {"partition": "2024-01"}, "orders/partition=2024-01/data.json"),
        (["orders"], {"day": "1", "colour": "red"}, "orders/colour=red/day=1/data.json"),
        (["orders"], {"partition": "../x"}, "orders/partition=%2E%2E%2Fx/data.json"),
        (["a.b"], None, "a%2Eb.json"),
    ],
)
def test_paths_are_the_documented_ones(key: list[str], partition: dict[str, str] | None, path: str) -> None:
    assert asset_path(key, partition, ".json") == path


def test_an_op_has_no_path_of_an_asset() -> None:
    assert step_path(["1f", "make", "result"], ".json") == "=steps/1f/make/result.json"


def test_a_key_that_no_file_system_can_hold_is_refused() -> None:
    with pytest.raises(ValueRefused, match="too long"):
        encode("é" * 100)
