"""The libraries that each command needs, loaded while the lake server starts.

A command imports what it needs when it needs it. Where a server has to be started first, which takes about a
second, the same imports are made meanwhile.
"""

from __future__ import annotations

import importlib
import sys

_LAKE = ("mlops.steps.opening", "mlops.adapters.lake.client", "mlops.adapters.lake.lake")
_SUITES = ("mlops.adapters.validation.suites", "great_expectations")
_RUNS = ("mlops.orchestration.runner", *_SUITES, "mlflow.sklearn", "skops.io")
_AUDIT = ("mlops.steps.audit.audit", "pandas")

#: Command to the modules that it imports besides those of every command that asks the lake.
BY_COMMAND: dict[str, tuple[str, ...]] = {
    "run": _RUNS,
    "ingest": ("mlops.steps.arrivals.ingest", *_SUITES),
    "restore": (*_RUNS, "mlops.steps.rollback.restore"),
    "rehearse": ("mlops.steps.rollback.rehearse", *_SUITES),
    "recommend": ("mlops.steps.recommend", "pandas", "skops.io", "mlops.adapters.models.saved_files"),
    "audit": _AUDIT,
    "report": ("mlops.steps.report.make", "matplotlib.figure", "scipy.stats"),
}

#: The commands that write to MLflow or compare it with the record; it is loaded by a process beside them.
TRACKED = frozenset(
    {
        *("run", "ingest", "audit", "rollback", "resume", "restore", "promote", "reconcile"),
        *("write-off", "forget", "policy apply", "approve", "reject"),
    }
)


def load(command: str) -> None:
    """Import what a command will need; one that is not installed is reported where it is used."""
    for name in (*_LAKE, *BY_COMMAND.get(command, ())):
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except ImportError:
                return
