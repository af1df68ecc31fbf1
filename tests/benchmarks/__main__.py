"""``python -m tests.benchmarks``: measure what is bounded, print a table, write ``.mlops/bench.json``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tests.benchmarks import (
    audits,
    branches,
    pipelines,
    processes,
    races,
    report,
    rollbacks,
    runs,
    startup,
    streaming,
    values,
)
from tests.benchmarks.report import Row
from tests.benchmarks.scale import FULL, QUICK, Scale

STATE_DIR = Path(".mlops")

#: Name to what it measures, in the order of the table.
SECTIONS: dict[str, Callable[[Path, Scale, Callable[[str], None]], list[Row]]] = {
    "runs": runs.measure,
    "pipelines": pipelines.measure,
    "rollbacks": rollbacks.measure,
    "races": races.measure,
    "audits": audits.measure,
    "branches": branches.measure,
    "streaming": streaming.measure,
    "startup": startup.measure,
    "processes": processes.measure,
    "values": values.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 where a bound does not hold."""
    options = _parser().parse_args(arguments)
    progress, began = Console(stderr=True), time.monotonic()
    names = options.only or list(SECTIONS)
    rows: list[Row] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="mlops-bench-") as folder:
            section = SECTIONS[name]

            def tell(line: str, section_name: str = name) -> None:
                progress.print(f"{time.monotonic() - began:5.0f} s  {section_name}: {line}", highlight=False)

            rows += section(Path(folder), QUICK if options.quick else FULL, tell)
    report.print_table(rows, Console())
    # Only all of it at full size is the result; anything else must not be taken for it.
    whole = not options.quick and set(names) == set(SECTIONS)
    file = STATE_DIR / ("bench.json" if whole else "bench-part.json")
    report.write(rows, file)
    progress.print(f"{time.monotonic() - began:5.0f} s  written to {file}", highlight=False)
    return report.exit_code(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(SECTIONS), help="measure this alone; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and two repetitions: a trial, no result"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
