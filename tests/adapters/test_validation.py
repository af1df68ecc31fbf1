from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mlops.adapters.validation.page import page
from mlops.adapters.validation.reports import demand
from mlops.adapters.validation.suites import validate
from mlops.runs.errors import ValidationFailed

ROWS = pd.DataFrame(
    {
        "month": [1, 13, 2, 99],
        "origin": ["JFK", "EWR", None, "LGA"],
        "distance": [100.0, -5.0, np.nan, 300.0],
        "at": pd.to_datetime(["2013-01-01T00:00Z"] * 4),
    },
    index=[10, 20, 30, 40],
)

MONTH = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "month", "min_value": 1, "max_value": 12},
}
ORIGIN = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "origin"}}
ROW_COUNT = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}


def suite(*expectations: object) -> dict[str, object]:
    return {"name": "trips", "expectations": list(expectations)}


def test_every_expectation_is_run_and_counted_in_the_order_of_the_suite() -> None:
    report = validate("trips", ROWS, suite(ROW_COUNT, MONTH, ORIGIN))
    assert (report.table, report.suite, report.rows) == ("trips", "trips", 4)
    assert report.listed == report.run == 3
    assert [check.success for check in report.checks] == [True, False, False]
    assert [check.name for check in report.checks] == [
        "expect_table_row_count_to_be_between",
        "expect_column_values_to_be_between(month)",
        "expect_column_values_to_not_be_null(origin)",
    ]
    assert not report.success


def test_a_failure_counts_the_rows_and_shows_some_by_position() -> None:
    (failure,) = validate("trips", ROWS, suite(MONTH), key=["origin"]).failures
    assert (failure.count, failure.column, failure.severity) == (2, "month", "error")
    assert failure.examples == (
        {"row": 1, "origin": "EWR", "month": 13},
        {"row": 3, "origin": "LGA", "month": 99},
    )
    assert failure.found == "2 rows"


def test_at_most_five_rows_are_shown() -> None:
    many = pd.DataFrame({"month": [13] * 1000, "note": "x" * 500})
    between = {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "note", "value": 3}}
    report = validate("trips", many, suite(MONTH, between))
    assert [failure.count for failure in report.failures] == [1000, 1000]
    assert all(len(failure.examples) == 5 for failure in report.failures)
    assert len(report.to_bytes()) < 4000


def test_a_warning_is_reported_and_does_not_block() -> None:
    report = validate("trips", ROWS, suite(ROW_COUNT, {**MONTH, "severity": "warning"}))
    assert report.success
    assert [failure.severity for failure in report.failures] == ["warning"]
    demand([report])


def test_an_error_blocks_and_names_table_check_and_count() -> None:
    report = validate("trips", ROWS, suite(ROW_COUNT, {**MONTH, "severity": "critical"}))
    with pytest.raises(ValidationFailed, match=r"trips: expect_.*between\(month\) \(2 rows\)") as raised:
        demand([report])
    assert raised.value.where == "trips"


def test_a_tolerated_share_is_no_failure() -> None:
    tolerant = {**ORIGIN, "kwargs": {"column": "origin", "mostly": 0.7}}
    report = validate("trips", ROWS, suite(tolerant))
    assert report.success
    assert report.checks[0].examples == ()


def test_a_missing_column_is_a_failure_that_blocks_even_as_a_warning() -> None:
    gone = {**MONTH, "kwargs": {"column": "mnth", "min_value": 1}, "severity": "warning"}
    report = validate("trips", ROWS, suite(gone, ORIGIN))
    failure = report.failures[0]
    assert not report.success
    assert failure.severity == "error"
    assert failure.observed.startswith("could not be evaluated:")
    assert '"mnth"' in failure.observed
    assert report.run == 2


def test_what_was_found_instead_is_said() -> None:
    counts = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 5}}
    names = {
        "type": "expect_table_columns_to_match_set",
        "kwargs": {"column_set": ["month", "fare"], "exact_match": True},
    }
    report = validate("trips", ROWS, suite(counts, names))
    assert report.failures[0].found == "found 4"
    assert "missing: ['fare']" in report.failures[1].found


def test_checks_of_the_same_name_are_told_apart() -> None:
    report = validate("trips", ROWS, suite(MONTH, {**MONTH, "severity": "warning"}, ORIGIN))
    names = [check.name for check in report.checks]
    assert names[1] == f"{names[0]} 2"
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "trips", "expectations": []}, "lists no expectations"),
        ({"name": "trips"}, "lists no expectations"),
        ({"name": "trips", "expectations": {"a": 1}}, "lists no expectations"),
        (suite(MONTH, {"type": "expect_month_to_be_nice", "kwargs": {}}), "unknown expectation expect_month"),
        (suite(MONTH, {"kwargs": {}}), "without a type"),
        (suite("expect_column_to_exist"), "without a type"),
        (suite({**MONTH, "severity": "fatal"}), "severity out of critical, warning, info"),
        (suite({**MONTH, "kwargs": {"colum": "month"}}), "wrong arguments"),
        (suite({"type": MONTH["type"], "kwargs": {"column": "month"}}), "wrong arguments"),
        (suite({"type": MONTH["type"]}), "wrong arguments"),
    ],
)
def test_a_suite_that_cannot_judge_is_an_error_that_names_it(
    document: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationFailed, match=message) as raised:
        validate("trips", ROWS, document)
    assert raised.value.where == "suite for trips"


def test_equal_tables_and_suites_give_equal_bytes() -> None:
    first = validate("trips", ROWS, suite(ROW_COUNT, MONTH, ORIGIN))
    validate("trips", ROWS.assign(month=1), suite(MONTH))
    again = validate("trips", ROWS.copy(), suite(ROW_COUNT, MONTH, ORIGIN))
    assert first.to_bytes() == again.to_bytes()
    document = json.loads(first.to_bytes())
    assert document == json.loads(json.dumps(first.to_json()))
    assert document["success"] is False
    assert [check["count"] for check in document["checks"]] == [0, 2, 1]


def test_nothing_is_remembered_from_one_table_to_the_next() -> None:
    assert not validate("trips", ROWS, suite(MONTH)).success
    assert validate("trips", ROWS.assign(month=1), suite(MONTH)).success
    assert not validate("trips", ROWS, suite(MONTH)).success


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    gone = {**MONTH, "kwargs": {"column": "mnth", "min_value": 1}}
    validate("trips", ROWS, suite(MONTH, gone))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_cells_of_every_type_can_be_shown() -> None:
    columns = {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["at", "kind"]}}
    twice = pd.concat([ROWS, ROWS]).assign(kind="a", distance=[np.inf, *[np.nan] * 7])
    report = validate("trips", twice, suite(columns), key=["distance", "month"])
    example = report.failures[0].examples[0]
    assert example == {
        "row": 0,
        "distance": "inf",
        "month": 1,
        "at": "2013-01-01 00:00:00+00:00",
        "kind": "a",
    }
    assert report.failures[0].examples[1]["distance"] is None
    assert report.to_bytes()


def test_the_page_shows_every_check_and_the_rows_that_break_them() -> None:
    good = validate("planes", ROWS, suite(ROW_COUNT))
    text = page([validate("trips", ROWS, suite(ROW_COUNT, MONTH)), good]).decode()
    assert "## trips: **failed**" in text
    assert "## planes: passed" in text
    assert "2 of 2 expectations ran" in text
    assert "| FAILED | error | month values to be between min\\_value 1, max\\_value 12 | 2 rows |" in text
    assert "| 1 | 13 |" in text


def test_values_cannot_become_markup_on_the_page() -> None:
    nasty = pd.DataFrame({"name": ["a|b\n# <script>[x](y)`"]})
    length = {"type": "expect_column_value_lengths_to_equal", "kwargs": {"column": "name", "value": 1}}
    text = page([validate("trips", nasty, suite(length))]).decode()
    assert "| 0 | a\\|b \\# \\<script\\>\\[x\\](y)\\` |" in text
