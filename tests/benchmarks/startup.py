"""What is paid before anything begins: imports and help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.measuring import interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.scale import Scale

_OURS = "import mlops.orchestration.runner, tests.benchmarks.runs as runs; runs.warm_up()"
_PLAIN = "import tests.benchmarks.plain_run as plain; plain.warm_up()"


def measure(_folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the time of ``mlops --help``, and the imports that the comparison of runs leaves out."""
    tell("starting programs")
    help_s = medians(
        interleaved(
            scale.repetitions,
            {
                "ours": lambda _: _process("-m", "mlops.cli", "--help"),
                "other": lambda _: _process("-c", "pass"),
            },
        )
    )
    imports_s = medians(
        interleaved(
            min(scale.repetitions, 3),
            {"ours": lambda _: _process("-c", _OURS), "other": lambda _: _process("-c", _PLAIN)},
        )
    )
    return [
        Row("mlops --help against Python alone", help_s["ours"], "s", help_s["other"]),
        Row("imports of a run against the plain script's", imports_s["ours"], "s", imports_s["other"]),
    ]


def _process(*arguments: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))
