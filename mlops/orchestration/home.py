"""Dagster's own store below the state directory: runs and events in SQLite, nothing sent to anybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

#: Telemetry is off. Compute logs are off: they redirect the output of the whole process, progress included.
_CONFIG = """\
telemetry:
  enabled: false
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def home_of(state_dir: Path) -> Path:
    """Return the folder that ``DAGSTER_HOME`` must name for Dagster's own programs."""
    return (state_dir / "dagster").absolute()


@contextmanager
def open_instance(state_dir: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the Dagster instance of a state directory, made where there is none (the first time 0.7 s)."""
    home = home_of(state_dir)
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        config = home / "dagster.yaml"
        if not config.is_file():
            part = config.with_suffix(".part")
            part.write_text(_CONFIG, encoding="utf-8")
            part.replace(config)
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
