"""What was found and killed, told in the end: by the process that collects no test where others run them."""

from __future__ import annotations

from collections import Counter

import pytest

#: Key of what a test says about itself.
SAYS = "faults"
#: Key of how long a test took that a person would wait for.
TOOK = "took"
#: Key of what is counted over all tests: name to number.
TALLY = "faults in all"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests here found and killed; it arrives from other processes with their reports."""
    reports = [r for r in terminalreporter.stats.get("passed", []) if isinstance(r, pytest.TestReport)]
    _list(terminalreporter, reports, TOOK, "how long the demos took")
    if _list(terminalreporter, reports, SAYS, "calls found and killed"):
        for name, number in tally(reports).items():
            terminalreporter.write_line(f"in all: {number} {name}")


def _list(
    terminal: pytest.TerminalReporter, reports: list[pytest.TestReport], key: str, title: str
) -> list[str]:
    """Print what tests say under a key, if any do; return it."""
    lines = sorted(str(value) for report in reports for name, value in report.user_properties if name == key)
    if lines:
        terminal.section(title)
    for line in lines:
        terminal.write_line(line)
    return lines


def tally(reports: list[pytest.TestReport]) -> Counter[str]:
    """Return what tests have counted, summed up."""
    found: Counter[str] = Counter()
    for report in reports:
        for key, value in report.user_properties:
            if key == TALLY and isinstance(value, dict):
                found.update(value)
    return found
