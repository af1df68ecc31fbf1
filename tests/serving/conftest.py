"""A promoted classifier in a lake in memory, and the service of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops.runs.errors import LakeUnavailable
from mlops.runs.promotion.promoted import unverified
from mlops.serving.service import Service
from mlops.steps import run as running
from mlops.steps.workspace import Workspace
from tests.orchestration.genres import SPEC, genre_workspace


@dataclass
class Scene:
    """A repository with a champion, and services of it.

    Attributes:
        workspace: The pipeline's workspace.
        root: Folder of the served files.
        told: The lines that services reported.
        down: Whether the lake does not answer.
    """

    workspace: Workspace
    root: Path
    told: list[str] = field(default_factory=list)
    down: bool = False

    def promote(self, c: float) -> int:
        """Promote a model of this shrinkage; return the promotion's number."""
        ended = running.run_all(self.workspace, SPEC.parameters({"c": c}))
        assert ended.number, ended.decision.verdict.sentence
        return ended.number

    def service(self, clock: Callable[[], float] = lambda: 1000.0) -> Service:
        """Return a service that was not started."""
        return Service(SPEC, self._open, self.root, self.told.append, clock)

    def _open(self):
        if self.down:
            raise LakeUnavailable("no answer", where="http://127.0.0.1:9")
        return _Lake(self), unverified


class _Lake:
    """The repository in memory, while the lake answers."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def __getattr__(self, name: str) -> object:
        if self._scene.down:
            raise LakeUnavailable("no answer", where="http://127.0.0.1:9")
        return getattr(self._scene.workspace.lake, name)


@pytest.fixture(scope="session")
def promoted() -> Workspace:
    """One promotion of a poor model."""
    made = genre_workspace("part-1", "part-2")
    assert running.run_all(made, SPEC.parameters({"c": 1e-5})).number == 1
    return made


@pytest.fixture(scope="session")
def better(promoted: Workspace) -> Workspace:
    """A second promotion, of a good one."""
    made = copy.deepcopy(promoted)
    assert running.run_all(made, SPEC.parameters({"c": 1.0})).number == 2
    return made


@pytest.fixture
def scene(promoted: Workspace, tmp_path: Path) -> Scene:
    """One promotion, in a repository of the test's own."""
    return Scene(copy.deepcopy(promoted), tmp_path / "serving")
