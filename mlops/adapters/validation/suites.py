"""Great Expectations: run a suite on a table, count all of its expectations, return plain values.

A suite is Great Expectations' own JSON: ``name`` and ``expectations`` with ``type``, ``kwargs`` and
``severity``. An expectation of severity ``critical`` (the default) blocks; ``warning`` and ``info`` report.
"""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops.adapters.validation.reports import CheckResult, ValidationReport
from mlops.runs.errors import ValidationFailed, bounded

if TYPE_CHECKING:
    import pandas as pd

MAX_EXAMPLES = 5
MAX_CELL = 80

_SEVERITY = {"critical": "error", "warning": "warning", "info": "warning"}
_COLUMN_ARGS = ("column", "column_A", "column_B", "column_list")

# Great Expectations keeps its context in module state.
_LOCK = threading.Lock()


def validate(
    table: str, frame: pd.DataFrame, suite_document: Mapping[str, Any], key: Sequence[str] = ()
) -> ValidationReport:
    """Run a suite on a table and return the report.

    Args:
        table: Name of the table.
        frame: Its rows.
        suite_document: The suite as read from JSON.
        key: Columns that identify a row; shown with every example.

    Raises:
        ValidationFailed: The suite cannot judge: it is empty, an expectation is of an unknown type or has
            wrong arguments, or fewer ran than it lists. Data that breaks an expectation is no error here.
    """
    entries = _entries(table, suite_document)
    with warnings.catch_warnings():
        # What Great Expectations deprecates in its own code is not about this table.
        warnings.simplefilter("ignore")
        expectations = [_expectation(table, position, entry) for position, entry in enumerate(entries)]
        with _LOCK:
            results = _run(frame.reset_index(drop=True), expectations)
    missing = [entry["type"] for i, entry in enumerate(entries) if i not in results]
    if missing:
        raise ValidationFailed(
            f"{len(results)} of {len(entries)} expectations ran; not {', '.join(missing)}",
            where=f"suite for {table}",
        )
    checks = _numbered([_check(entry, results[i], frame, key) for i, entry in enumerate(entries)])
    return ValidationReport(
        table=table,
        suite=str(suite_document.get("name") or table),
        rows=len(frame),
        listed=len(entries),
        run=len(results),
        checks=checks,
    )


def _entries(table: str, suite_document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = suite_document.get("expectations")
    where = f"suite for {table}"
    if not isinstance(entries, list) or not entries:
        raise ValidationFailed("lists no expectations, so it would pass anything", where=where)
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
            raise ValidationFailed(f"holds an expectation without a type: {entry!r}", where=where)
        if entry.get("severity", "critical") not in _SEVERITY:
            known = ", ".join(_SEVERITY)
            raise ValidationFailed(f"{entry['type']} needs a severity out of {known}", where=where)
    return entries


def _expectation(table: str, position: int, entry: Mapping[str, Any]) -> Any:
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    where = f"suite for {table}"
    try:
        kind = get_expectation_impl(entry["type"])
        # The position comes back with the result: results are not in the order of the suite.
        return kind(**entry.get("kwargs", {}), meta={"position": position})
    except ExpectationNotFoundError as error:
        raise ValidationFailed(f"unknown expectation {entry['type']}", where=where) from error
    except (ValueError, TypeError) as error:
        raise ValidationFailed(f"{entry['type']} has wrong arguments: {error}", where=where) from error


def _run(frame: pd.DataFrame, expectations: list[Any]) -> dict[int, Mapping[str, Any]]:
    from great_expectations.core.expectation_suite import ExpectationSuite

    context = _context()
    # A data source keeps the frame it was given: one of its own for every run, dropped afterwards.
    source = context.data_sources.add_pandas("frame")
    try:
        definition = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("frame")
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        outcome = batch.validate(
            ExpectationSuite(name="suite", expectations=expectations),
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": MAX_EXAMPLES},
        )
    finally:
        context.data_sources.delete("frame")
    results = outcome.to_json_dict()["results"]
    return {result["expectation_config"]["meta"]["position"]: result for result in results}


@functools.cache
def _context() -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _check(
    entry: Mapping[str, Any], result: Mapping[str, Any], frame: pd.DataFrame, key: Sequence[str]
) -> CheckResult:
    kwargs: Mapping[str, Any] = entry.get("kwargs", {})
    columns = _columns(kwargs)
    column = ", ".join(columns)
    trouble = _trouble(result.get("exception_info") or {})
    found: Mapping[str, Any] = result.get("result") or {}
    success = bool(result["success"]) and not trouble
    positions = [] if success else found.get("partial_unexpected_index_list") or []
    limits = ", ".join(f"{name} {value}" for name, value in kwargs.items() if name not in _COLUMN_ARGS)
    return CheckResult(
        name=f"{entry['type']}({column})" if column else entry["type"],
        expects=bounded(f"{column} {_words(entry['type'])} {limits}".strip(), 300),
        column=column,
        # What could not be evaluated was not judged, however lightly it would have been taken.
        severity="error" if trouble else _SEVERITY[entry.get("severity", "critical")],
        success=success,
        count=0 if success else int(found.get("unexpected_count") or 0),
        observed="" if success else trouble or _observed(found),
        examples=tuple(
            _example(frame, int(position), [*key, *columns]) for position in positions[:MAX_EXAMPLES]
        ),
    )


def _numbered(checks: list[CheckResult]) -> tuple[CheckResult, ...]:
    seen: Counter[str] = Counter()
    unique: list[CheckResult] = []
    for check in checks:
        seen[check.name] += 1
        number = seen[check.name]
        unique.append(check if number == 1 else replace(check, name=f"{check.name} {number}"))
    return tuple(unique)


def _columns(kwargs: Mapping[str, Any]) -> list[str]:
    single = [str(kwargs[name]) for name in _COLUMN_ARGS[:3] if name in kwargs]
    return [*single, *map(str, kwargs.get("column_list", ()))]


def _words(kind: str) -> str:
    for start in ("expect_column_", "expect_compound_columns_", "expect_"):
        if kind.startswith(start):
            return kind.removeprefix(start).replace("_", " ")
    return kind.replace("_", " ")


def _trouble(exception_info: Mapping[str, Any]) -> str:
    """Return why an expectation could not be evaluated; empty where it was."""
    if "raised_exception" in exception_info:
        exception_info = {"": exception_info}
    messages = [
        str(info.get("exception_message") or "no reason given")
        for info in exception_info.values()
        if info.get("raised_exception")
    ]
    return bounded(f"could not be evaluated: {messages[0]}", 300) if messages else ""


def _observed(found: Mapping[str, Any]) -> str:
    mismatched = (found.get("details") or {}).get("mismatched")
    if mismatched:
        return bounded("; ".join(f"{kind}: {names}" for kind, names in sorted(mismatched.items())), 300)
    return bounded(f"found {found['observed_value']}", 300) if "observed_value" in found else ""


def _example(frame: pd.DataFrame, position: int, columns: Sequence[str]) -> dict[str, Any]:
    row = frame.iloc[position]
    shown = [name for name in dict.fromkeys(columns) if name in frame.columns] or list(frame.columns)[:5]
    return {"row": position, **{name: _plain(row[name]) for name in shown}}


def _plain(value: Any) -> Any:
    """Return a cell as a JSON type; missing values as None."""
    import pandas as pd

    if pd.isna(value):
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value if isinstance(value, bool | int | float) else bounded(str(value), MAX_CELL)
