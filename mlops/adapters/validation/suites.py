"""Great Expectations: run a suite on a table, count all of its expectations, return plain values.

A suite is Great Expectations' own JSON: ``name`` and ``expectations`` with ``type``, ``kwargs`` and
``severity``. An expectation of severity ``critical`` (the default) blocks; ``warning`` and ``info`` report.
"""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops.adapters.validation.listed import Listed, columns_of, entries_of, listed
from mlops.adapters.validation.reports import CheckResult, ValidationReport
from mlops.runs.errors import ValidationFailed, bounded

if TYPE_CHECKING:
    import pandas as pd

MAX_EXAMPLES = 5
MAX_CELL = 80

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
    entries = entries_of(table, suite_document)
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
    found = zip(entries, listed(table, suite_document), strict=True)
    checks = tuple(_check(entry, each, results[i], frame, key) for i, (entry, each) in enumerate(found))
    return ValidationReport(
        table=table,
        suite=str(suite_document.get("name") or table),
        rows=len(frame),
        listed=len(entries),
        run=len(results),
        checks=checks,
    )


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
    entry: Mapping[str, Any],
    expectation: Listed,
    result: Mapping[str, Any],
    frame: pd.DataFrame,
    key: Sequence[str],
) -> CheckResult:
    columns = columns_of(entry)
    trouble = _trouble(result.get("exception_info") or {})
    found: Mapping[str, Any] = result.get("result") or {}
    success = bool(result["success"]) and not trouble
    positions = [] if success else found.get("partial_unexpected_index_list") or []
    return CheckResult(
        name=expectation.name,
        expects=expectation.expects,
        column=", ".join(columns),
        # What could not be evaluated was not judged, however lightly it would have been taken.
        severity="error" if trouble else expectation.severity,
        success=success,
        count=0 if success else int(found.get("unexpected_count") or 0),
        observed="" if success else trouble or _observed(found),
        examples=tuple(
            _example(frame, int(position), [*key, *columns]) for position in positions[:MAX_EXAMPLES]
        ),
    )


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
