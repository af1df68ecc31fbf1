"""Commands on the tiny pipeline's repository: the real command line, in this process, on the embedded server.

Only what would cost seconds is replaced: MLflow is a tracker in memory, and the steps of a run are called one
after the other without Dagster. Every command is a process of its own to the protocol; one that is killed
dies before or after its n-th call of the lake or the tracker, and nothing it does later reaches anybody.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer.main

from mlops.adapters import tables
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import Connection, LakeFSLake, connect
from mlops.adapters.page_links import Links
from mlops.adapters.validation import suites
from mlops.adapters.validation.reports import ValidationReport
from mlops.cli import run
from mlops.cli.app import app
from mlops.cli.session import Dependencies
from mlops.lakeserver.http.auth import Credentials as ServerKey
from mlops.lakeserver.server import Server, running_server
from mlops.orchestration.runner import Executed
from mlops.pipelines import PIPELINES
from mlops.runs import names
from mlops.runs.digest import canonical, sha256
from mlops.steps import run as running
from mlops.steps.evaluation.judge import CommittedJudge
from mlops.steps.repository import init_repository as repository
from mlops.steps.workspace import Workspace
from tests.orchestration import tiny
from tests.support.auditing import MemoryWitness
from tests.support.fakes import FakeProcesses, MemoryTracker, fake_ports
from tests.support.faults import Died, FaultPlan, Watched
from tests.support.protocol import GATE_FILES

PIPELINE = tiny.SPEC.name
_DAY_S = 24 * 3600
_KEY = ServerKey("AKIATHEKEY", "the secret", "admin")

Key = tuple[str, str, str]


@dataclass
class Clock:
    """Time of server and commands: it passes with every look, and a day when it is told to."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 0.01
        return self.now

    def now_s(self) -> int:
        return int(self())

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pass_days(self, days: int) -> None:
        self.now += days * _DAY_S


class Tracker(MemoryTracker):
    """A tracker in memory that tells what it has seen."""

    def seen_runs(self) -> Mapping[str, Mapping[str, str]]:
        return MemoryWitness(self).seen_runs()

    def seen_versions(self, model: str) -> Any:
        return MemoryWitness(self).seen_versions(model)


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        code: Its exit code; None where it was killed.
        document: What it printed.
        error: What it printed for people where it failed.
        calls: How often it called lake and tracker.
        evaluated: Run, champion's digest and candidate of every evaluation.
    """

    code: int | None
    document: Mapping[str, Any]
    error: str
    calls: int
    evaluated: tuple[Key, ...]


@dataclass
class Shop:
    """An embedded server in this process, on which plays get repositories of their own."""

    server: Server
    clock: Clock
    folder: Path
    connection: Connection
    opened: int = 0

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.server.url, _KEY.access_key_id, _KEY.secret_access_key)

    @contextlib.contextmanager
    def play(self) -> Iterator[Play]:
        """Give a play of its own; its repository goes afterwards, and what it held."""
        self.opened += 1
        play = Play(self, f"line-{self.opened:05d}")
        try:
            yield play
        finally:
            if play.repository in self.connection.repositories():
                self.connection.api.repositories_api.delete_repository(play.repository, force=True)


@contextlib.contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PIPELINES, PIPELINE, f"{tiny.__name__}:SPEC")  # type: ignore[arg-type]
        patch.setenv("MLOPS_STATE_DIR", str(folder / "state"))
        with running_server(folder / "lake", _KEY, durable=False, clock=clock) as server:
            credentials = Credentials(server.url, _KEY.access_key_id, _KEY.secret_access_key)
            patch.setattr("mlops.servers.store_upkeep.running_lake", lambda _settings: credentials)
            patch.setattr(
                "mlops.cli.app.app", typer.main.get_command(app)
            )  # built once, not for each command
            patch.setattr(suites, "validate", _remembered(suites.validate))
            yield Shop(server, clock, folder, connect(credentials))


@dataclass
class Play:
    """One sequence of commands on a fresh repository."""

    shop: Shop
    repository: str
    tracker: Tracker = field(default_factory=Tracker)
    files: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    _commands: int = 0
    _nonces: int = 0

    @property
    def lake(self) -> LakeFSLake:
        """The repository."""
        return LakeFSLake(self.shop.connection, self.repository)

    @property
    def state_dir(self) -> Path:
        return self.shop.folder / "states" / self.repository

    def __call__(self, *arguments: str, kill: int = 0, after: bool = False) -> Answer:
        """Run a command, as a process of its own, and kill it at its n-th call if there is one."""
        self._commands += 1
        plan, evaluated = FaultPlan(kill, after), list[Key]()
        out, err = io.StringIO(), io.StringIO()
        code: int | None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(repository, "gate_files", lambda _pipeline: dict(self.files))
            patch.setattr(CommittedJudge, "evaluate", _counted(CommittedJudge.evaluate, evaluated))
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    code = run([*arguments, "--json"], self._dependencies(plan))
            except Died:
                code = None
        document = json.loads(out.getvalue()) if code is not None and out.getvalue().strip() else {}
        error = next((x for x in reversed(err.getvalue().splitlines()) if x.startswith("error: ")), "")
        killed = f"   # killed at call {kill}{' after it took effect' * after}" if code is None else ""
        self.said.append(f"mlops {' '.join(arguments)}{killed}   -> {code} {error}".rstrip())
        return Answer(code, document, error, len(plan.calls), tuple(evaluated))

    def _dependencies(self, plan: FaultPlan) -> Dependencies:
        from mlops.settings import load

        return Dependencies(
            load_settings=lambda **_: load(state_dir=self.state_dir),
            ensure_lake=lambda *_: self.shop.credentials,
            find_lake=lambda *_: self.shop.credentials,
            repositories=lambda *_: [self.repository],
            create_repository=lambda *_: self._create(),
            open_workspace=lambda _settings, _name, tell: self.workspace(plan, tell),
            execute_run=_execute,
        )

    def _create(self) -> bool:
        from mlops.steps.repository.init_repository import create_repository

        return create_repository(self.shop.connection, self.repository)

    def workspace(self, plan: FaultPlan, tell: Any = lambda _line: None) -> Workspace:
        lake: Any = Watched(self.lake, plan, "lake")
        tracker: Any = Watched(self.tracker, plan, "tracker")
        ports = fake_ports(
            lake,
            tracker=tracker,
            clock=self.shop.clock,
            processes=FakeProcesses(f"host:{self._commands}:1"),
            nonce=self._nonce,
            tell=tell,
        )
        return Workspace(tiny.SPEC, lake, ports, Links(self.shop.server.url, self.repository))

    def _nonce(self) -> str:
        self._nonces += 1
        return f"n{self._nonces}"


def _remembered(validate: Callable[..., ValidationReport]) -> Callable[..., ValidationReport]:
    """Return a validation that does not ask the same suite about the same rows twice: that costs the most."""
    known: dict[str, ValidationReport] = {}

    def remembered(table: str, frame: pd.DataFrame, suite: Any, key: Sequence[str] = ()) -> ValidationReport:
        asked = sha256(canonical([table, sha256(tables.to_parquet(frame)), suite, list(key)]))
        if asked not in known:
            known[asked] = validate(table, frame, suite, key)
        return known[asked]

    return remembered


def policy_files(min_gain: str) -> dict[str, bytes]:
    """Return what judges the tiny pipeline, by a policy that asks for so much of a gain."""
    enforced = {path: data for path, data in GATE_FILES.items() if path.startswith(names.ACTIONS)}
    policy = f"metric: mae\nmin_gain: {min_gain}\nmin_clusters: 20\n".encode()
    return {**tiny.gate_files(), **enforced, names.POLICY: policy}


def _counted(evaluate: Any, evaluated: list[Key]) -> Any:
    def counted(self: Any, run_: Any, candidate: str, champion: Any) -> Any:
        against = "" if champion is None else champion[1].run_id
        evaluated.append((run_.run_id, against, candidate))
        return evaluate(self, run_, candidate, champion)

    return counted


def _execute(
    workspace: Workspace, params: dict[str, Any], *, again: int, take_over: bool, **_: Any
) -> Executed:
    typed = workspace.spec.parameters(params)
    return Executed(running.run_all(workspace, typed, again=again, take_over=take_over), "")
