"""``python -m tests.benchmarks.lake``: the lake server beside a real lakeFS; ``.mlops/bench-lake.json``.

Without the real program on PATH the table shows the embedded server's figures and how its times grow. The
ratio is ours divided by theirs: a rate has to be at least, a time at most as high as theirs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.lake import changing, reading, together, uploads
from tests.benchmarks.lake.comparing import Sides
from tests.benchmarks.lake.scale import FULL, QUICK, Scale
from tests.benchmarks.lake.sides import OURS, OURS_OS, THEIRS, LakeSide, embedded, real
from tests.benchmarks.report import Row
from tests.benchmarks.servers import real_lakefs_is_there

STATE_DIR = Path(".mlops")

#: Name to what it measures, in the order of the table.
SECTIONS: dict[str, Callable[[Sides, Scale, Callable[[str], None]], list[Row]]] = {
    "uploads": uploads.measure,
    "reading": reading.measure,
    "together": together.measure,
    "changing": changing.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return 1 where a bound does not hold."""
    options = _parser().parse_args(arguments)
    progress, began = Console(stderr=True), time.monotonic()
    names = options.only or list(SECTIONS)
    scale = QUICK if options.quick else FULL
    rows: list[Row] = []

    def tell(line: str) -> None:
        progress.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="mlops-bench-") as folder, ExitStack() as stack:
        sides = _start(stack, Path(folder), scale, options.alone, tell)
        for name in names:
            rows += SECTIONS[name](sides, scale, tell)
    report.print_table(rows, Console())
    # Only all of it at full size is the result; anything else must not be taken for it.
    whole = not options.quick and set(names) == set(SECTIONS)
    file = STATE_DIR / ("bench-lake.json" if whole else "bench-lake-part.json")
    report.write(rows, file)
    tell(f"written to {file}")
    return report.exit_code(rows)


def _start(
    stack: ExitStack, folder: Path, scale: Scale, alone: bool, tell: Callable[[str], None]
) -> dict[str, LakeSide]:
    tell("filling the embedded server")
    sides = {
        OURS: stack.enter_context(embedded(folder, "full", scale.sizes)),
        OURS_OS: stack.enter_context(embedded(folder, "os", scale.sizes[:1])),
    }
    if alone or not real_lakefs_is_there():
        tell("without a real lakeFS: the embedded server's figures alone")
    else:
        tell("filling a real lakeFS")
        sides[THEIRS] = stack.enter_context(real(folder, scale.sizes))
    return sides


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.lake", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(SECTIONS), help="measure this alone; may be repeated"
    )
    parser.add_argument(
        "--alone", action="store_true", help="without the real lakeFS, even where there is one"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and two repetitions: a trial, no result"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
