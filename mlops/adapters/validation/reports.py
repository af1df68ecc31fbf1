"""The results of suites as plain values: stored as JSON beside the data, shown on pages and by commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlops.runs.digest import document
from mlops.runs.errors import ValidationFailed, bounded


@dataclass(frozen=True)
class CheckResult:
    """The result of one expectation.

    Attributes:
        name: ``<type>`` or ``<type>(<columns>)``, e.g. ``expect_column_values_to_be_between(month)``, with a
            number from the second of that name on; unique in a report.
        expects: What was expected, for people.
        column: Column or columns it looks at, joined by commas; empty for the whole table.
        severity: ``error`` blocks, ``warning`` reports.
        success: Whether the table meets it.
        count: Rows that broke it; 0 where it holds or is not about single rows.
        observed: What was found instead, for people; empty where rows say it.
        examples: Up to five rows that broke it: column to value, and ``row`` for the position.
    """

    name: str
    expects: str
    column: str
    severity: str
    success: bool
    count: int = 0
    observed: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()

    @property
    def found(self) -> str:
        """Return a short description of the failure; empty where there is none."""
        return self.observed or (f"{self.count} row{'s' * (self.count != 1)}" if self.count else "")


@dataclass(frozen=True)
class ValidationReport:
    """The result of a suite on a table: ``reports/validation/<table>.json``.

    Attributes:
        table: The table.
        suite: Name of the suite.
        rows: Rows of the table.
        listed: Expectations in the suite.
        run: Expectations that gave a result; always as many as listed.
        checks: One per expectation, in the order of the suite.
    """

    table: str
    suite: str
    rows: int
    listed: int
    run: int
    checks: tuple[CheckResult, ...]

    @property
    def success(self) -> bool:
        """Return whether no blocking expectation failed; warnings do not block."""
        return not any(check.severity == "error" for check in self.failures)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """Return the expectations that the table does not meet, including warnings."""
        return tuple(check for check in self.checks if not check.success)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return a line for each expectation that reports and does not block: its limits, and the count."""
        told = [check for check in self.failures if check.severity == "warning"]
        return tuple(_told(self.table, check) for check in told)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types, with ``success``; equal for equal tables and suites."""
        return {**asdict(self), "success": self.success}

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored."""
        return document(self.to_json())


def warnings_in(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the `ValidationReport.warnings` of a report as it was stored."""
    names = ("name", "expects", "column", "severity", "success", "count", "observed")
    checks = [CheckResult(**{name: check[name] for name in names}) for check in report["checks"]]
    told = [check for check in checks if check.severity == "warning" and not check.success]
    return tuple(_told(str(report["table"]), check) for check in told)


def _told(table: str, check: CheckResult) -> str:
    return bounded(f"{table}: {check.expects}: {check.found}", 300)


def demand(reports: Sequence[ValidationReport]) -> None:
    """Raise `ValidationFailed`, naming tables, expectations and counts, unless every report is a success."""
    blocked = [
        f"{report.table}: {check.name} ({check.found})"
        for report in reports
        for check in report.failures
        if check.severity == "error"
    ]
    if blocked:
        raise ValidationFailed(
            f"{len(blocked)} expectations not met: {'; '.join(blocked)}",
            where=", ".join(report.table for report in reports if not report.success),
            todo="correct the data and deliver it again",
        )
