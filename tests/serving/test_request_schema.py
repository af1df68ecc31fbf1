"""Requests are held against the columns of the training rows and the suite on `main`."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.runs.errors import InputError
from mlops.serving import request_body
from mlops.serving.request_schema import RequestSchema, schema_of

ROWS = pd.DataFrame(
    {
        "seats": pd.Series([1, 2], dtype="int64"),
        "delay": pd.Series([1.5, None], dtype="float64"),
        "origin": pd.Series(["EWR", "JFK"], dtype="str"),
        "late": pd.Series([True, False]),
        "at": pd.to_datetime(pd.Series(["2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z"])).astype(
            "datetime64[us, UTC]"
        ),
    }
)
SUITE: dict[str, Any] = {
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "seats", "min_value": 0, "max_value": 500, "strict_min": True},
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "origin", "value_set": ["EWR", "JFK"]},
        },
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "origin"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "delay", "mostly": 0.9}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "delay", "max_value": 1},
            "severity": "warning",
        },
    ]
}
SCHEMA = schema_of(ROWS, SUITE)
ROW: dict[str, Any] = {
    "seats": 3,
    "delay": None,
    "origin": "EWR",
    "late": True,
    "at": "2013-01-01T05:00:00Z",
}


def columns(**changed: Any) -> dict[str, list[Any]]:
    return {name: [value] for name, value in {**ROW, **changed}.items()}


def test_what_blocks_in_the_suite_is_asked_of_requests() -> None:
    by_name = {column.name: column for column in SCHEMA.columns}
    assert [column.type for column in SCHEMA.columns] == ["long", "double", "string", "boolean", "datetime"]
    assert {name for name, column in by_name.items() if column.nullable} == {"delay", "at"}
    assert (by_name["seats"].minimum, by_name["seats"].strict_minimum, by_name["seats"].maximum) == (
        0,
        True,
        500,
    )
    # A warning, and a rule for most rows, refuse nothing.
    assert (by_name["delay"].minimum, by_name["delay"].maximum) == (None, None)


def test_a_checked_row_has_the_types_of_the_training_rows() -> None:
    frame = SCHEMA.frame(SCHEMA.checked(columns()))
    assert list(frame.dtypes.astype(str)) == list(ROWS.dtypes.astype(str))
    assert math.isnan(frame["delay"][0])
    assert frame["at"][0] == pd.Timestamp("2013-01-01T05:00:00Z")


def test_a_column_that_may_be_missing_may_be_left_out() -> None:
    given = columns()
    del given["delay"]
    assert SCHEMA.checked(given)["delay"] == [None]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"gate": 1}, "unknown column 'gate'"),
        ({"seats": 0}, "row 0, column seats: must be above 0, not 0"),
        ({"seats": 501}, "row 0, column seats: must be at most 500, not 501"),
        ({"seats": 1.5}, "row 0, column seats: must be long, not 1.5"),
        ({"seats": True}, "row 0, column seats: must be long, not True"),
        ({"seats": "3"}, "row 0, column seats: must be long, not '3'"),
        ({"seats": None}, "row 0, column seats: may not be missing"),
        ({"seats": 2**70}, "row 0, column seats: must be long"),
        ({"delay": math.inf}, "row 0, column delay: must be double, not inf"),
        ({"delay": "1"}, "row 0, column delay: must be double, not '1'"),
        ({"delay": 10**400}, "row 0, column delay: must be double"),
        ({"origin": "LHR"}, "row 0, column origin: must be one of 'EWR', 'JFK', not 'LHR'"),
        ({"origin": 1}, "row 0, column origin: must be string, not 1"),
        ({"late": 1}, "row 0, column late: must be boolean, not 1"),
        ({"at": "yesterday"}, "row 0, column at: must be datetime, not 'yesterday'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError) as caught:
        SCHEMA.checked(columns(**changed))
    assert what in str(caught.value)


def test_a_missing_column_is_named() -> None:
    given = columns()
    del given["seats"], given["origin"]
    with pytest.raises(InputError, match="missing columns 'seats', 'origin'"):
        SCHEMA.checked(given)


def test_the_schema_is_told_as_json_schema() -> None:
    found = SCHEMA.to_json()
    assert found["required"] == ["seats", "origin", "late"]
    assert found["properties"]["seats"] == {"type": "integer", "exclusiveMinimum": 0, "maximum": 500}
    assert found["properties"]["delay"] == {"type": ["number", "null"]}
    assert found["properties"]["origin"] == {"type": "string", "enum": ["EWR", "JFK"]}


BODIES = {
    "split": b'{"dataframe_split": {"columns": ["seats", "origin", "late"], "data": [[3, "EWR", true]]}}',
    "records": b'{"dataframe_records": [{"seats": 3, "origin": "EWR", "late": true}]}',
    "inputs by column": b'{"inputs": {"seats": [3], "origin": ["EWR"], "late": [true]}}',
    "one value by column": b'{"inputs": {"seats": 3, "origin": "EWR", "late": true}}',
    "instances": b'{"instances": [{"seats": 3, "origin": "EWR", "late": true}]}',
    "rows without names": b'{"instances": [[3, null, "EWR", true, null]]}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_forms_of_the_scoring_protocol_say_the_same(body: bytes) -> None:
    found = SCHEMA.checked(request_body.read_json(body, SCHEMA))
    assert found == {"seats": [3], "delay": [None], "origin": ["EWR"], "late": [True], "at": [None]}


def test_csv_is_read_by_the_types_of_the_columns() -> None:
    found = request_body.read_csv(b"seats,delay,origin,late,at\r\n3,,EWR,True,\r\n\r\n", SCHEMA)
    assert SCHEMA.checked(found) == {
        "seats": [3], "delay": [None], "origin": ["EWR"], "late": [True], "at": [None]
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"{",
        b"\xff",
        b"[" * 200_000,
        b'{"inputs": 1}',
        b'{"inputs": []}',
        b'{"inputs": [1]}',
        b'{"inputs": {"seats": [1], "late": []}}',
        b'{"inputs": {"seats": []}}',
        b'{"inputs": [[1]]}',
        b'{"inputs": [[1, 2, 3, 4, 5], 1]}',
        b'{"inputs": [{"seats": 1}], "instances": []}',
        b'{"dataframe_split": []}',
        b'{"dataframe_split": {"columns": 1, "data": []}}',
        b'{"dataframe_split": {"columns": [1], "data": [[1]]}}',
        b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 1]]}}',
        b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}',
    ],
)
def test_a_body_of_no_known_form_is_refused(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        SCHEMA.checked(request_body.read_json(body, SCHEMA))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a,a\n1,2", b"seats\n1,2", b"seats\n"])
def test_csv_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        SCHEMA.checked(request_body.read_csv(body, SCHEMA))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(form=st.sampled_from(request_body.FORMS), content=JSON)
def test_whatever_is_sent_is_taken_whole_or_refused(form: str, content: Any) -> None:
    import json

    body = json.dumps({form: content}).encode()
    schema: RequestSchema = SCHEMA
    try:
        found = schema.checked(request_body.read_json(body, schema))
    except InputError:
        return
    frame = schema.frame(found)
    assert len(frame) > 0
    assert list(frame.columns) == list(schema.names)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 502),
    st.sampled_from([2**63, -(2**63), 10**400, -(10**400)]),
    st.floats(),
    st.sampled_from(["EWR", "JFK", "LHR", "2013-01-01"]),
)


@given(name=st.sampled_from(list(ROW)), values=st.lists(VALUES, min_size=1, max_size=6))
def test_many_values_are_checked_like_each_of_them(name: str, values: list[Any]) -> None:
    column = RequestSchema(tuple(c for c in SCHEMA.columns if c.name == name))

    def outcome(given: list[Any]) -> list[Any] | str:
        try:
            return column.checked({name: given})[name]
        except InputError as error:
            return str(error).partition(", ")[2]

    single = [outcome([value]) for value in values]
    refused = [found for found in single if isinstance(found, str)]
    found = outcome(values)
    if refused:
        assert found == refused[0]
    else:
        # None stands for every way to say that a value is missing.
        assert found == [value for one in single for value in one]
