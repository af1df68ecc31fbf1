"""Dagster's own store below the state directory: runs and events in SQLite, nothing sent to anybody.

Dagster is imported with the first instance that is opened, so that a command which only starts the pages
does without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

#: The module that Dagster's programs are started with, which is also what they call the code location.
CODE_LOCATION = "mlops.orchestration.definitions"

#: Telemetry is off, and so is the dialog that asks a newcomer for an address. Compute logs are off: they
#: redirect the output of the whole process, progress included. Runs that the pages start begin at once: a
#: queue would need Dagster's daemon to empty it.
_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def home_of(state_dir: Path) -> Path:
    """Return the folder that ``DAGSTER_HOME`` must name for Dagster's own programs."""
    return (state_dir / "dagster").absolute()


def configure(state_dir: Path) -> Path:
    """Write Dagster's configuration where there is none, and return its home."""
    home = home_of(state_dir)
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.is_file():
        part = home / f"dagster.yaml.{os.getpid()}.part"
        part.write_text(_CONFIG, encoding="utf-8")
        part.replace(config)
    return home


@contextmanager
def open_instance(state_dir: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the Dagster instance of a state directory, made where there is none (the first time 0.7 s)."""
    with instance_of(configure(state_dir)) as instance:
        yield instance


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the instance of a home that has its configuration; its tables are made where there are none."""
    import dagster as dg

    with _alone(home):
        instance = dg.DagsterInstance.from_config(str(home))
    with instance:
        yield instance


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other processes out: two that create Dagster's tables at the same time fail."""
    with (home / "lock").open("w") as lock:
        if os.name != "nt":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
