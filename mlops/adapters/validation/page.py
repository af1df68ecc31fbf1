"""Validation reports as one page for people; it needs nothing from the network to be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mlops.adapters.validation.reports import CheckResult, ValidationReport
from mlops.runs.errors import bounded


def page(reports: Sequence[ValidationReport]) -> bytes:
    """Return the reports as a page of Markdown: a table of checks each, and rows that broke them."""
    lines = ["# Validation", ""]
    for report in reports:
        verdict = "passed" if report.success else "**failed**"
        lines += [
            f"## {_cell(report.table)}: {verdict}",
            "",
            f"Suite {_cell(report.suite)}, {report.rows} rows:"
            f" {report.run} of {report.listed} expectations ran.",
            "",
            *_grid(("", "severity", "expected", "found"), [_line(check) for check in report.checks]),
        ]
        for check in report.failures:
            if check.examples:
                header = list(check.examples[0])
                rows = [[example[name] for name in header] for example in check.examples]
                lines += [f"Rows that break {_cell(check.name)}:", "", *_grid(header, rows)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _line(check: CheckResult) -> list[Any]:
    mark = "ok" if check.success else "FAILED" if check.severity == "error" else "warning"
    return [mark, check.severity, check.expects, check.found]


def _grid(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    table = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(_cell(value) for value in row) + " |" for row in table), ""]


def _cell(value: Any) -> str:
    """Return a value as text that cannot break out of a Markdown table or become markup."""
    text = "" if value is None else bounded(str(value), 300)
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)
