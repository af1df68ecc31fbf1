"""Whole processes, each started anew: what a user waits for, imports included.

A run and an ingest are held against plain scripts that do the same work on the same rows; commands that only
ask the lake against importing its client; the pages against the slowest of their servers started alone. The
lake server runs already, as it does after a user's first command.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile
from tests.benchmarks.measuring import interleaved, medians, seconds
from tests.benchmarks.report import Row
from tests.benchmarks.runs import PIPELINE, Compared, warm_up
from tests.benchmarks.scale import Scale
from tests.benchmarks.servers import scratch_server

if TYPE_CHECKING:
    from mlops.settings import Settings

RUN_RATIO, INGEST_RATIO, COMMAND_RATIO, PAGES_RATIO = 1.25, 1.35, 2.5, 1.3
_IMPORT_CLIENT = ("-c", "import lakefs")


def measure(folder: Path, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows about whole processes."""
    warm_up()
    with scratch_server("embedded", folder) as server:
        compared = Compared(server.state_dir, folder / "plain", tell)
        processes = Processes(compared, server.state_dir, folder / "plain")
        repetitions = min(scale.repetitions, 3)
        tell("whole runs and whole plain scripts, taking turns")
        runs = medians(interleaved(repetitions, {"ours": processes.run, "other": processes.plain_run}))
        tell("whole ingests and whole plain scripts, taking turns")
        ingests = medians(
            interleaved(repetitions, {"ours": processes.ingest, "other": processes.plain_ingest})
        )
        rows = [
            Row("whole process: run against the plain script", runs["ours"], "s", runs["other"], RUN_RATIO),
            Row(
                "whole process: ingest of a month against a plain script",
                ingests["ours"],
                "s",
                ingests["other"],
                INGEST_RATIO,
            ),
        ]
        for command in ("status", "log", "rollback"):
            tell(f"{command} and importing the client, taking turns")
            sides = {"ours": processes.asking(command), "other": _import_client}
            taken = medians(interleaved(repetitions, sides))
            title = f"whole process: {command} against importing lakefs"
            rows.append(Row(title, taken["ours"], "s", taken["other"], COMMAND_RATIO))
    return [*rows, _pages(folder / "pages", repetitions, tell)]


class Processes:
    """Commands and plain scripts as processes of their own, on the months of the flights pipeline."""

    def __init__(self, compared: Compared, state_dir: Path, files: Path) -> None:
        self._compared = compared
        self._files = files
        self._environment = {
            **os.environ,
            "MLOPS_STATE_DIR": str(state_dir),
            "MLFLOW_TRACKING_URI": f"sqlite:///{(state_dir / 'mlflow.db').absolute()}",
        }

    def run(self, repetition: int) -> float:
        """Return the seconds of ``mlops run``, which promotes; then it is rolled back.

        It makes no page with plots: neither does the plain script.
        """
        given = [f"{name}={value!r}" for name, value in _params(repetition).items()]
        taken_s = self._command(
            "run",
            PIPELINE,
            "--no-cache",
            "--no-report",
            *(part for text in given for part in ("--param", text)),
        )
        self._go_back()
        return taken_s

    def plain_run(self, repetition: int) -> float:
        """Return the seconds of the plain script."""
        given = {
            "source": str(self._files),
            "target": str(self._files / f"process-{repetition}"),
            "params": _params(repetition),
        }
        return _process("-m", "tests.benchmarks.plain_run", json.dumps(given), env=self._environment)

    def ingest(self, repetition: int) -> float:
        """Return the seconds of ``mlops ingest`` of a delivery that `main` does not hold yet."""
        return self._command("ingest", PIPELINE, f"2013-{repetition + 1:02d}", *self._tables(repetition))

    def plain_ingest(self, repetition: int) -> float:
        """Return the seconds of a script that reads, validates by the same suites and writes."""
        given = {
            "source": str(self._files),
            "target": str(self._files / f"ingest-{repetition}"),
            "tables": self._delivery(repetition),
        }
        return _process("-m", "tests.benchmarks.plain_ingest", json.dumps(given), env=self._environment)

    def asking(self, command: str) -> Callable[[int], float]:
        """Return what measures a command that asks the lake; a rollback is taken back afterwards."""
        arguments = ["--reason", "measured"] if command == "rollback" else []

        def taken_s(repetition: int) -> float:
            if command == "rollback":
                self._compared.promote_again(100 + repetition)
            measured_s = self._command(command, PIPELINE, *arguments)
            if command == "rollback":
                self._resume()
            return measured_s

        return taken_s

    def _command(self, *arguments: str) -> float:
        return _process("-m", "mlops.cli", *arguments, env=self._environment)

    def _go_back(self) -> None:
        ports = self._compared.workspace().ports
        rollback(ports, "measured")
        reconcile(ports)
        resume(ports, "measured again")

    def _resume(self) -> None:
        resume(self._compared.workspace().ports, "measured again")

    def _tables(self, repetition: int) -> list[str]:
        return [part for item in self._delivery(repetition).items() for part in ("--file", "=".join(item))]

    def _delivery(self, repetition: int) -> dict[str, str]:
        """Return table to file: the deliveries of a month without their last row, so that they are new."""
        from mlops.adapters import tables

        found: dict[str, str] = {}
        for table in self._compared.workspace().spec.tables:
            name = f"2013-{repetition + 1:02d}.parquet"
            file = self._files / "delivered" / table / name
            if not file.is_file():
                frame = tables.read_parquet((self._files / "raw" / table / name).read_bytes())
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tables.to_parquet(frame.iloc[:-1]))
            found[table] = str(file)
        return found


def _params(repetition: int) -> dict[str, float]:
    # Other digits than the runs that are measured inside one process.
    return {"l2_regularization": 10.0 + (repetition + 1000) * 1e-9}


def _import_client(_repetition: int) -> float:
    return _process(*_IMPORT_CLIENT)


def _process(*arguments: str, env: dict[str, str] | None = None) -> float:
    def run() -> None:
        answer = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=False, env=env
        )
        if answer.returncode:
            raise RuntimeError(f"{arguments}: {answer.stderr[-800:]}")

    return seconds(run)


def _pages(folder: Path, repetitions: int, tell: Callable[[str], None]) -> Row:
    """Return how long ``mlops up`` takes until all pages answer, beside the slowest server started alone."""
    from mlops import settings
    from mlops.servers import lake, pages

    together: list[float] = []
    alone: list[float] = []
    for repetition in range(min(repetitions, 2)):
        tell("starting all pages, and each server alone")
        chosen = settings.load(state_dir=folder / f"all-{repetition}", lake_port=0)
        together.append(_up(chosen))
        slowest_s = 0.0
        for name, start in (
            ("lake", lambda chosen: lake.ensure_lake(chosen, _quiet)),
            ("mlflow", pages.start_mlflow),
            ("dagster", pages.start_dagster),
        ):
            own = settings.load(state_dir=folder / f"{name}-{repetition}", lake_port=0)
            try:
                slowest_s = max(slowest_s, seconds(lambda own=own, start=start: start(own)))
            finally:
                pages.stop_all(own)
        alone.append(slowest_s)
    return Row(
        "whole process: up until all pages answer, against the slowest alone",
        statistics.median(together),
        "s",
        statistics.median(alone),
        PAGES_RATIO,
    )


def _up(chosen: Settings) -> float:
    from mlops.servers import pages

    environment = {**os.environ, "MLOPS_STATE_DIR": str(chosen.state_dir), "MLOPS_LAKE_PORT": "0"}
    try:
        taken_s = _process("-m", "mlops.cli", "up", env=environment)
        door = next(row for row in pages.listing(chosen) if row["name"] == pages.DOOR)
        with urllib.request.urlopen(f"{door['address']}/_door/health", timeout=5) as answer:  # noqa: S310
            if answer.status != 200:
                raise RuntimeError("the front door does not answer")
        return taken_s
    finally:
        pages.stop_all(chosen)


def _quiet(_line: str) -> None:
    """Say nothing."""
