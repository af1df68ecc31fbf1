"""The tiny pipeline's repository on an embedded server of its own, set up by ``mlops init``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.cli import run
from mlops.pipelines import PIPELINES
from mlops.runs import names
from mlops.steps.repository import init_repository
from tests.orchestration import tiny
from tests.support.fakes import MemoryTracker
from tests.support.protocol import GATE_FILES

PIPELINE = tiny.SPEC.name


@dataclass(frozen=True)
class Served:
    """A state folder whose embedded server runs and holds the repository.

    Attributes:
        state_dir: The folder.
        tracker: Stands in for MLflow where a test does not bring the real one.
    """

    state_dir: Path
    tracker: MemoryTracker

    @property
    def credentials(self) -> lake_credentials.Credentials:
        return lake_credentials.load(self.state_dir / lake_credentials.FILE_NAME)

    @property
    def lake(self) -> LakeFSLake:
        return LakeFSLake(connect(self.credentials), PIPELINE)

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Let commands of this process work there."""
        patch.setenv("MLOPS_STATE_DIR", str(self.state_dir))
        patch.setenv("MLOPS_LAKE_PORT", "0")
        patch.setitem(PIPELINES, PIPELINE, f"{tiny.__name__}:SPEC")  # type: ignore[arg-type]
        patch.setattr(init_repository, "gate_files", lambda _pipeline: gate_files())
        patch.setattr("mlops.adapters.tracking.tracker.MLflowTracker", lambda _uri, _name: self.tracker)


def gate_files() -> dict[str, bytes]:
    """Return what judges the tiny pipeline, with the enforcer that servers run."""
    return {**tiny.gate_files(), names.ENFORCER: GATE_FILES[names.ENFORCER]}


@contextmanager
def served_in(folder: Path) -> Iterator[Served]:
    """Give a repository that was set up by the command, on a server that it started."""
    served = Served(folder / "state", MemoryTracker())
    try:
        with pytest.MonkeyPatch.context() as patch:
            served.enter(patch)
            assert run(["init", PIPELINE]) == 0
        yield served
    finally:
        servers.stop(served.state_dir)
