"""Drafts of suites that a sample passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops.project_template.profile import FEW_VALUES

if TYPE_CHECKING:
    from mlops.project_template.profile import Column


def suite(columns: Sequence[Column], name: str, key: Sequence[str], rows_at_least: int) -> dict[str, Any]:
    """Return a suite that the sample passes: its columns, key, ranges with a margin, and sets of texts."""
    entries: list[dict[str, Any]] = [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": rows_at_least}}
    ]
    kind = "expect_column_values_to_be_unique" if len(key) == 1 else "expect_compound_columns_to_be_unique"
    named: dict[str, Any] = {"column": key[0]} if len(key) == 1 else {"column_list": list(key)}
    entries.append({"type": kind, "kwargs": named})
    for column in columns:
        entries.append({"type": "expect_column_to_exist", "kwargs": {"column": column.name}})
        if column.complete:
            kwargs: dict[str, Any] = {"column": column.name}
            entries.append({"type": "expect_column_values_to_not_be_null", "kwargs": kwargs})
        if column.low is not None and column.high is not None and column.name not in key:
            entries.append(_between(column.name, column.low, column.high))
        if column.values and len(column.values) <= FEW_VALUES and column.name not in key:
            kwargs = {"column": column.name, "value_set": list(column.values)}
            entries.append({"type": "expect_column_values_to_be_in_set", "kwargs": kwargs})
    return {"name": name, "expectations": entries}


def _between(name: str, low: float, high: float) -> dict[str, Any]:
    """Return the expectation of a range that is half as wide again; what was never negative stays so."""
    margin = (high - low) / 4 or max(abs(high), 1.0)
    least, most = math.floor(low - margin), math.ceil(high + margin)
    kwargs = {"column": name, "min_value": max(least, 0) if low >= 0 else least, "max_value": most}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs}
