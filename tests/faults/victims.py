"""Inside a forked child: commands on a real server and a real MLflow store, killed at one of their calls.

Calls are those that leave the process: every HTTP request to the lake, and every call of MLflow's client.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from mlops.adapters.lake import credentials
from mlops.adapters.lake.lake import Connection, LakeFSLake, connect
from mlops.adapters.system import SystemClock, SystemProcesses, nonce
from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.runs.promotion.opening import open_run
from mlops.runs.promotion.promote import Promotion, promote
from mlops.runs.records import Run, Step
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from tests.faults import checks
from tests.support.auditing import NumberProver
from tests.support.commands import COMMANDS, bare_world, prepared_world
from tests.support.fakes import FakeJudge, fake_ports
from tests.support.faults import FaultPlan, Watched
from tests.support.protocol import World

REPOSITORY = "flights"

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass
class SigKillPlan(FaultPlan):
    """Dies of SIGKILL; each call is noted in a file first, so that nothing is lost with the process."""

    notes: TextIO | None = None

    def due(self, name: str) -> bool:
        if self.notes is not None:
            self.notes.write(name + "\n")
            self.notes.flush()
        return super().due(name)

    def die(self, where: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Address:
    """Where a child finds everything.

    Attributes:
        lakectl: File with the key.
        endpoint: The lake server.
        database: SQLite file of MLflow.
        repository: Name of the repository.
    """

    lakectl: str
    endpoint: str
    database: str
    repository: str = REPOSITORY

    def connection(self, plan: FaultPlan | None = None) -> Connection:
        """Return a connection whose requests go through a plan."""
        known = credentials.load(Path(self.lakectl))
        connection = connect(dataclasses.replace(known, endpoint=self.endpoint), timeout_s=30.0)
        if plan is not None:
            watch_requests(connection, plan)
        return connection

    def tracker(self, plan: FaultPlan | None = None) -> MLflowTracker:
        """Return a tracker whose client's calls go through a plan."""
        tracker: Any = MLflowTracker(f"sqlite:///{self.database}", self.repository)
        if plan is not None:
            tracker._client_ = Watched(tracker._client(), plan, "mlflow")
        return tracker


def watch_requests(connection: Connection, plan: FaultPlan) -> None:
    """Let every HTTP request of a connection go through a plan."""
    pool = connection.api.objects_api.api_client.rest_client.pool_manager
    send = pool.urlopen

    def watched(method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        path = url.partition("/api/v1/")[2].partition("?")[0]
        name = f"{method} {_ID.sub(lambda m: m[0][:8], path)}"
        return plan.call(name, send, method, url, *args, **kwargs)

    pool.urlopen = watched


def real_world(address: Address, plan: FaultPlan | None = None) -> World:
    """Return the world of a repository on a server, with this machine's clock and processes."""
    lake = LakeFSLake(address.connection(plan), address.repository)
    ports = fake_ports(lake, tracker=address.tracker(plan), **this_machine())
    return World(lake, ports, FakeJudge(lake))


def this_machine() -> dict[str, Any]:
    """Return the ports that are this machine's own."""
    return {"clock": SystemClock(), "processes": SystemProcesses(), "nonce": nonce}


def make_base(address: Address, *, bare: bool) -> None:
    """Create the repository, and unless it is to be bare the world in which most commands are given."""
    connection = address.connection()
    connection.create_repository(address.repository)
    options = {"lake": LakeFSLake(connection, address.repository), "tracker": address.tracker()}
    made = (bare_world if bare else prepared_world)(**options, **this_machine())
    made.ports.tracker.find("")  # a store of MLflow is made by its first call, which takes seconds


def prepare(address: Address, command: str) -> None:
    """Bring the base to where a command is given."""
    COMMANDS[command].prepare(real_world(address))


def give(address: Address, command: str, plan: FaultPlan) -> None:
    """Give a command, and perhaps die of it."""
    COMMANDS[command].command(real_world(address, plan))


def give_again(address: Address, command: str) -> dict[str, Any]:
    """Check that `main` is whole, give the command, audit all that is there, and return the end."""
    world = real_world(address)
    checks.check_whole(world.lake)
    COMMANDS[command].command(world)
    return _end(world, command)


def end(address: Address, command: str) -> dict[str, Any]:
    """Audit all that is there, and return what must not depend on crashes."""
    return _end(real_world(address), command)


def check_clean(address: Address) -> None:
    """Raise `AssertionError` unless an audit of all that is there finds nothing."""
    checks.check_clean(real_world(address).ports, NumberProver())


def finish(address: Address, run: Run) -> Promotion:
    """Bring a run to its end whose process has ended after deciding."""
    world = real_world(address)
    opened = open_run(world.ports, lambda _head: run.inputs)
    assert opened.reached(Step.DECIDED)
    ended = promote(world.ports, world.judge, opened)
    record_promotion(world.ports, ended)
    reconcile(world.ports)
    return ended


def _end(world: World, command: str) -> dict[str, Any]:
    checks.check_clean(world.ports, NumberProver())
    return COMMANDS[command].end(world)
