"""What was found and killed, told in the end: by the process that collects no test where others run them."""

from __future__ import annotations

from collections import Counter

import pytest

#: Key of what a test says about itself.
SAYS = "faults"
#: Key of what is counted over all tests: name to number.
TALLY = "faults in all"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests here found and killed; it arrives from other processes with their reports."""
    reports = [r for r in terminalreporter.stats.get("passed", []) if isinstance(r, pytest.TestReport)]
    lines = [str(value) for report in reports for key, value in report.user_properties if key == SAYS]
    if lines:
        terminalreporter.section("calls found and killed")
        for line in sorted(lines):
            terminalreporter.write_line(line)
        for name, number in tally(reports).items():
            terminalreporter.write_line(f"in all: {number} {name}")


def tally(reports: list[pytest.TestReport]) -> Counter[str]:
    """Return what tests have counted, summed up."""
    found: Counter[str] = Counter()
    for report in reports:
        for key, value in report.user_properties:
            if key == TALLY and isinstance(value, dict):
                found.update(value)
    return found
