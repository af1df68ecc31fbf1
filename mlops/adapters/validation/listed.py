"""The expectations of a suite as its JSON lists them: names, limits and severities.

Great Expectations is not imported: this is also read where definitions are loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.runs.errors import ValidationFailed, bounded

_SEVERITY = {"critical": "error", "warning": "warning", "info": "warning"}
_COLUMN_ARGS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True)
class Listed:
    """One expectation of a suite.

    Attributes:
        name: As `CheckResult.name` of its results; unique in the suite.
        expects: What is expected with its limits, for people.
        severity: ``error`` blocks, ``warning`` reports.
    """

    name: str
    expects: str
    severity: str


def listed(table: str, suite_document: Mapping[str, Any]) -> tuple[Listed, ...]:
    """Return the expectations of a suite, in its order.

    Args:
        table: What the suite judges, for errors.
        suite_document: The suite as read from JSON.

    Raises:
        ValidationFailed: The suite lists no expectations, or one without a type or a known severity.
    """
    seen: Counter[str] = Counter()
    found: list[Listed] = []
    for entry in entries_of(table, suite_document):
        kind, column = entry["type"], ", ".join(columns_of(entry))
        name = f"{kind}({column})" if column else kind
        seen[name] += 1
        limits = ", ".join(
            f"{arg} {value}" for arg, value in entry.get("kwargs", {}).items() if arg not in _COLUMN_ARGS
        )
        found.append(
            Listed(
                name=name if seen[name] == 1 else f"{name} {seen[name]}",
                expects=bounded(f"{column} {_words(kind)} {limits}".strip(), 300),
                severity=_SEVERITY[entry.get("severity", "critical")],
            )
        )
    return tuple(found)


def entries_of(table: str, suite_document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entries of a suite.

    Raises:
        ValidationFailed: As `listed`.
    """
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


def columns_of(entry: Mapping[str, Any]) -> list[str]:
    """Return the columns that an entry of a suite is about; none where it is about the whole table."""
    kwargs: Mapping[str, Any] = entry.get("kwargs", {})
    single = [str(kwargs[name]) for name in _COLUMN_ARGS[:3] if name in kwargs]
    return [*single, *map(str, kwargs.get("column_list", ()))]


def _words(kind: str) -> str:
    for start in ("expect_column_", "expect_compound_columns_", "expect_"):
        if kind.startswith(start):
            return kind.removeprefix(start).replace("_", " ")
    return kind.replace("_", " ")
