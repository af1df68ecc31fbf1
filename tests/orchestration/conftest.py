"""A Dagster instance that is made once; workspaces in memory are made anew for every test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops.adapters.models import saved_files
from mlops.orchestration.home import open_instance
from mlops.runs.records import ObjectRecord
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import tiny_workspace

Loads = list[str]


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def instance(state_dir: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(state_dir) as opened:
        yield opened


@pytest.fixture
def workspace() -> Workspace:
    """The tiny pipeline with three months on `main`."""
    return tiny_workspace("2020-01", "2020-02", "2020-03")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    """Folder of every model that is loaded, in order."""
    found: Loads = []
    load = saved_files.load

    def watched(folder: Path, records: Sequence[ObjectRecord], trusted: Sequence[str]) -> Any:
        found.append(folder.name)
        return load(folder, records, trusted)

    monkeypatch.setattr(saved_files, "load", watched)
    return found
