from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.adapters.tables import diff_frames, read_parquet, to_parquet
from mlops.runs.errors import InputError
from mlops.table_diff.comparison import TableDiff

ROWS = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["é", None, "c"],
        "value": [0.5, np.nan, -1.0],
        "at": pd.to_datetime(["2013-03-10T06:59Z", None, "2013-03-10T07:00Z"], utc=True).as_unit("us"),
        "day": pd.to_datetime(["2013-03-10", "2013-03-11", None]).as_unit("us"),
        "yes": [True, False, True],
    }
).astype({"name": "str"})

FRAMES = st.lists(
    st.tuples(
        st.integers(-(2**40), 2**40),
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        st.one_of(st.none(), st.floats(allow_nan=False, width=64)),
    ),
    max_size=20,
    unique_by=lambda row: row[0],
)


def table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["id", "name", "value"])
    return frame.astype({"id": "int64", "name": "str", "value": "float64"})


def test_what_is_read_is_what_was_written() -> None:
    pd.testing.assert_frame_equal(read_parquet(to_parquet(ROWS)), ROWS, check_exact=True)


def test_equal_frames_have_equal_bytes() -> None:
    content = to_parquet(ROWS)
    assert to_parquet(read_parquet(content)) == content
    pieces = pd.concat([ROWS.head(1), ROWS.tail(2)])
    assert to_parquet(pieces) == content
    other_form = ROWS.assign(
        at=ROWS["at"].dt.tz_convert("America/New_York").dt.as_unit("ns"), name=ROWS["name"].astype("object")
    )
    assert to_parquet(other_form) == content
    assert to_parquet(ROWS.iloc[::-1]) != content


def test_the_bytes_do_not_mention_pandas() -> None:
    assert b"pandas" not in to_parquet(ROWS)


@given(FRAMES)
def test_any_table_comes_back(rows: list[tuple[object, ...]]) -> None:
    frame = table(rows)
    pd.testing.assert_frame_equal(read_parquet(to_parquet(frame)), frame, check_exact=True)


def test_a_file_is_read_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(to_parquet(ROWS))
    pd.testing.assert_frame_equal(read_parquet(path, columns=["value", "id"]), ROWS[["value", "id"]])
    with path.open("rb") as file:
        pd.testing.assert_frame_equal(read_parquet(file), ROWS)


def test_only_the_wanted_columns_are_fetched_from_a_file() -> None:
    wide = pd.DataFrame({f"c{i}": np.random.default_rng(i).random(20_000) for i in range(10)})
    file = Counting(to_parquet(wide))
    read_parquet(file, columns=["c3"])
    assert file.fetched < len(file.getvalue()) / 4


class Counting(io.BytesIO):
    fetched = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.fetched += len(data)
        return data


def test_what_parquet_cannot_hold_is_named() -> None:
    with pytest.raises(InputError, match="cannot be stored") as raised:
        to_parquet(pd.DataFrame({"lists": [[1], [2]]}))
    assert raised.value.where == "column lists"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", to_parquet(ROWS)[:-9]])
def test_bytes_that_are_not_parquet_are_named(content: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read as Parquet") as raised:
        read_parquet(content, where="raw/flights/2013-01.parquet")
    assert raised.value.where == "raw/flights/2013-01.parquet"


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="no column nope"):
        read_parquet(to_parquet(ROWS), columns=["id", "nope"])


def test_tables_are_compared_by_key_and_column() -> None:
    old = table([(1, "a", 1.0), (2, None, None), (3, "c", 3.0), (4, "d", 4.0)])
    new = table([(3, "C", 3.5), (2, None, None), (4, "d", None), (5, "e", 5.0)])
    new = new.assign(extra=1).astype({"value": "float32"})
    assert diff_frames(old, new, ["id"]) == TableDiff(
        rows_old=4,
        rows_new=4,
        added=1,
        removed=1,
        changed=2,
        changed_by_column={"name": 1, "value": 2},
        columns_added=("extra",),
        types_changed={"value": ("float64", "float32")},
    )


def test_a_column_that_went_is_no_change_of_rows() -> None:
    old = table([(1, "a", 1.0)])
    assert diff_frames(old, old.drop(columns="name"), ["id"]) == TableDiff(
        rows_old=1, rows_new=1, added=0, removed=0, changed=0, columns_removed=("name",)
    )


@given(FRAMES, FRAMES)
def test_a_diff_is_the_one_of_dictionaries(one, two) -> None:
    old, new = table(one), table(two)
    before, after = {r[0]: r[1:] for r in one}, {r[0]: r[1:] for r in two}
    found = diff_frames(old, new, ["id"])
    assert found.added == len(after.keys() - before.keys())
    assert found.removed == len(before.keys() - after.keys())
    assert found.changed == sum(before[key] != after[key] for key in before.keys() & after.keys())
    assert diff_frames(old, old.iloc[::-1], ["id"]).empty
    back = diff_frames(new, old, ["id"])
    assert (back.added, back.removed, back.changed) == (found.removed, found.added, found.changed)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (table([]).drop(columns="id"), table([]), "the old table lacks the key id"),
        (table([]), table([]).drop(columns="id"), "the new table lacks the key id"),
        (table([]), table([(1, "a", 1.0), (1, "b", 2.0)]), "the new table holds 1 keys twice"),
        (table([(1, "a", 1.0)]), table([(1, "a", 1.0)]).astype({"id": "str"}), "keys cannot be compared"),
    ],
)
def test_tables_that_cannot_be_compared_are_named(old, new, message: str) -> None:
    with pytest.raises(InputError, match=message):
        diff_frames(old, new, ["id"])
