"""The command line in this process, over a lake in memory; and, for some tests, over the embedded server."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mlops.adapters import tables
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.page_links import Links
from mlops.cli import run
from mlops.cli.session import Dependencies
from mlops.orchestration.runner import Executed
from mlops.pipelines import PIPELINES
from mlops.pipelines.registry import lookup
from mlops.runs.arrivals.ingest import Delivery, ingest
from mlops.runs.upkeep.reconcile import reconcile
from mlops.steps.workspace import Workspace
from tests.cli.served import Served, served_in
from tests.orchestration import tiny
from tests.support import protocol
from tests.support.fakes import inputs
from tests.support.protocol import World

PIPELINE = tiny.SPEC.name
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"

_OF_THE_USER = ("LAKECTL_", "MLOPS_", "MLFLOW_", "LAKESERVER_")


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that says why the command failed."""
        lines = self.err.splitlines()
        found = [line for line in lines if line.startswith("error: ")]
        assert found == lines[-1:], self.err
        return found[0]


Mlops = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _nothing_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test has a state folder and a home of its own, and none of the user's variables."""
    import os

    for name in [name for name in os.environ if name.startswith(_OF_THE_USER)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    # What was looked up here is no pipeline for the tests that follow in this process.
    monkeypatch.setattr(lookup, "_known", dict(lookup._known))
    monkeypatch.setitem(PIPELINES, PIPELINE, f"{tiny.__name__}:SPEC")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_in(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def served(_served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """An embedded server with the tiny pipeline's repository, where the commands of this test work."""
    _served.enter(monkeypatch)
    return _served


@pytest.fixture
def real(capsys: pytest.CaptureFixture[str]) -> Mlops:
    """Run a command on the real thing: settings from the environment, a server, MLflow."""
    return lambda *arguments: _run(capsys, arguments, None)


@dataclass
class Desk:
    """A pipeline whose repository is in memory and whose models are numbers, and commands on it."""

    world: World
    capsys: pytest.CaptureFixture[str]

    @property
    def head(self) -> str:
        """The head of main."""
        return self.world.lake.head("main")

    def dependencies(self, **changes: Any) -> Dependencies:
        """Return what the commands reach for; only the settings are real."""
        fields: dict[str, Any] = {
            "ensure_lake": lambda *_: Credentials(NOWHERE),
            "find_lake": lambda *_: Credentials(NOWHERE),
            "repositories": lambda *_: [self.world.lake.repository],
            "create_repository": lambda *_: False,
            "open_workspace": lambda _settings, _name, tell: self.workspace(tell),
            "execute_run": self.execute,
            "report_checks": lambda *_: None,
            "make_report": lambda _workspace, _commit, run_id, _folder: Path(f"/{run_id}.html"),
        }
        return Dependencies(**{**fields, **changes})

    def workspace(self, tell: Callable[[str], None] = lambda _line: None) -> Workspace:
        lake, ports = self.world.lake, replace(self.world.ports, tell=tell)
        return Workspace(tiny.SPEC, lake, ports, Links(NOWHERE, PIPELINE))  # type: ignore[arg-type]

    def execute(self, workspace: Workspace, params: dict[str, Any], **_: Any) -> Executed:
        """Run a model whose mean absolute error is its parameter."""
        mae = params.get("shrinkage", 0.0)
        with_inputs = inputs({"mae": mae}, self.world.raw())
        return Executed(protocol.run(workspace.ports, self.world.judge, mae, with_inputs), "dagster-1")

    def arrive(self, arrival: str, frame: Any) -> None:
        """Put rows of the table `points` on main."""
        delivery = Delivery(arrival, {"points": tables.to_parquet(frame)}, "test")
        reconcile(self.world.ports)
        ingest(self.world.ports, delivery, protocol.passes)

    def __call__(self, *arguments: str, **changes: Any) -> Answer:
        return _run(self.capsys, arguments, self.dependencies(**changes))


@pytest.fixture(scope="session")
def _prototype() -> World:
    world = protocol.new_world("2020-01", "2020-02", lake=tiny.FileLake(repository=PIPELINE))
    world.run(mae=14.0)
    world.arrive("2020-03")
    world.run(mae=12.0)
    return world


@pytest.fixture
def mlops(capsys: pytest.CaptureFixture[str], _prototype: World) -> Desk:
    """Commands on a main with three months and two promotions, in memory."""
    return Desk(copy.deepcopy(_prototype), capsys)


@pytest.fixture
def empty(capsys: pytest.CaptureFixture[str]) -> Desk:
    """Commands on a repository that has just been set up, in memory."""
    return Desk(protocol.new_world(lake=tiny.FileLake(repository=PIPELINE)), capsys)


def _run(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], dependencies: Dependencies | None
) -> Answer:
    capsys.readouterr()
    code = run(arguments, dependencies)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    return Answer(code, printed.out, printed.err)
