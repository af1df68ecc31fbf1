"""Tables compared: by a key, by the index that pandas recorded, or rows as a whole."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.table_diff.comparison import NotComparable, compare, index_columns

CELLS = st.one_of(st.none(), st.integers(0, 2))
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=8)


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), ()]
    return pa.table({name: pa.array(values, pa.int64()) for name, values in zip("ab", columns, strict=True)})


def indexed(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as it is read from the Parquet file that pandas writes of it."""
    file = io.BytesIO()
    frame.to_parquet(file)
    return pq.read_table(io.BytesIO(file.getvalue()))


@given(ROWS, ROWS)
def test_without_a_key_rows_are_a_multiset(old: list[tuple[Any, ...]], new: list[tuple[Any, ...]]) -> None:
    found = compare(table(old), table(new))
    added, removed = Counter(new) - Counter(old), Counter(old) - Counter(new)
    assert (found.diff.added, found.diff.removed, found.diff.changed) == (added.total(), removed.total(), 0)
    assert Counter(rows_at(table(new), found.added)) == added
    assert Counter(rows_at(table(old), found.removed)) == removed
    assert found.key == ()


def rows_at(rows: pa.Table, positions: pa.Array) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows.take(positions).to_pylist()]


def test_a_changed_row_counts_as_changed_by_a_key_and_as_two_without_one() -> None:
    old, new = table([(1, 1), (2, 1), (3, 1)]), table([(2, 1), (1, 9), (4, 1)])
    by_key, whole = compare(old, new, ["a"]), compare(old, new)
    assert (by_key.diff.added, by_key.diff.removed, by_key.diff.changed) == (1, 1, 1)
    assert (whole.diff.added, whole.diff.removed, whole.diff.changed) == (2, 2, 0)
    assert rows_at(old, by_key.changed_from) == [(1, 1)]
    assert rows_at(new, by_key.changed_to) == [(1, 9)]
    assert by_key.columns_with_other_values == ("b",)
    assert whole.columns_with_other_values == ("a", "b")


def test_the_index_that_pandas_recorded_is_the_key() -> None:
    old = pd.DataFrame({"id": [7, 3, 5], "x": [1.0, 2.0, 2.0]}).set_index("id")
    found = compare(indexed(old), indexed(old.assign(x=[1.0, 3.0, 2.0])))
    assert found.key == ("id",)
    assert (found.diff.added, found.diff.removed, found.diff.changed) == (0, 0, 1)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1.0, 2.0]}),
        pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index([5, 6])),
        pd.DataFrame({"id": [1, 1], "x": [1.0, 2.0]}).set_index("id"),
    ],
    ids=["counted", "unnamed", "repeated"],
)
def test_an_index_that_identifies_no_row_is_no_key(frame: pd.DataFrame) -> None:
    found = compare(indexed(frame), indexed(frame.assign(x=[1.0, 3.0])))
    assert found.key == ()
    assert (found.diff.added, found.diff.removed, found.diff.changed) == (1, 1, 0)


@pytest.mark.parametrize("recorded", [b"no JSON", b"[]", b"{}", b'{"index_columns": [["a"], 1]}', b"\xff"])
def test_what_pandas_would_not_record_is_no_key(recorded: bytes) -> None:
    assert index_columns(pa.schema([("a", pa.int64())], metadata={b"pandas": recorded})) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pa.array([1, 2]), pa.array([1.0, 2.0])),
        (pa.array([None, 0.0]), pa.array([float("nan"), -0.0])),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
        (pa.array([[1], [2, 3]]), pa.array([[1], [2, 3]])),
        (pa.array([{"k": 1}, None]), pa.array([{"k": 1}, None])),
        (pa.array([1, 2], pa.uint64()), pa.array([1, 2], pa.int8())),
        (pa.array([0.5, 1.5], pa.float16()), pa.array([0.5, 1.5])),
        (pa.array([1, 2]).cast(pa.timestamp("us")), pa.array([1000, 2000]).cast(pa.timestamp("ns"))),
        (pa.nulls(2), pa.array([None, None], pa.string())),
    ],
    ids=lambda column: str(column.type),
)
def test_equal_values_of_other_types_are_equal(old: pa.Array, new: pa.Array) -> None:
    ids = pa.array([1, 2])
    tables = pa.table({"id": ids, "x": old}), pa.table({"id": ids, "x": new})
    assert compare(*tables, ["id"]).diff.changed == 0
    assert compare(*tables).diff.added == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (pa.array([1]), pa.array(["1"])),
        (pa.array([2**63], pa.uint64()), pa.array([-(2**63)])),
        (pa.array([2**53 + 1]), pa.array([2.0**53])),
        (pa.array([[1]]), pa.array([[2]])),
        (pa.array([1]).cast(pa.timestamp("us")), pa.array([1]).cast(pa.timestamp("us", "UTC"))),
    ],
    ids=lambda column: str(column.type),
)
def test_other_values_differ(old: pa.Array, new: pa.Array) -> None:
    tables = pa.table({"id": [1], "x": old}), pa.table({"id": [1], "x": new})
    assert compare(*tables, ["id"]).diff.changed == 1
    assert compare(*tables).diff.added == 1


def test_tables_without_a_common_column_share_no_row() -> None:
    found = compare(pa.table({"a": [1, 2]}), pa.table({"b": [1]}))
    assert (found.diff.added, found.diff.removed) == (1, 2)


def test_missing_keys_match_each_other() -> None:
    assert compare(table([(None, 1)]), table([(None, 2)]), ["a"]).diff.changed == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (table([]), pa.table({"b": [1]}), "the new table lacks the key a"),
        (table([(1, 1), (1, 2)]), table([]), "the old table holds 1 keys twice"),
        (table([]), pa.table({"a": ["x"]}), "the keys cannot be compared: a is int64 before, str after"),
    ],
)
def test_a_key_that_does_not_fit_is_named(old: pa.Table, new: pa.Table, message: str) -> None:
    with pytest.raises(NotComparable, match=message):
        compare(old, new, ["a"])
