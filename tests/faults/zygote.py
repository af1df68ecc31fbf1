"""A warmed process that forks a victim for each job and reports how it ended.

Imports of the whole stack take seconds and are paid here once; a forked child pays nothing. The zygote itself
opens no connection and no database, so a child inherits nothing that it could share by accident.

One JSON request a line on standard input, one JSON answer a line on standard output.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops.adapters import lake_credentials
from mlops.adapters.lake import LakeFSLake, connect
from mlops.adapters.tracking import MLflowTracker
from mlops.runs.reconcile import reconcile
from mlops.steps.system import SystemClock, SystemProcesses, nonce
from tests.support.commands import COMMANDS, end_of, prepared_world
from tests.support.fakes import FakeJudge, fake_ports
from tests.support.faults import FaultPlan, Watched
from tests.support.protocol import World


class SigKillPlan(FaultPlan):
    """Dies of SIGKILL; each call is noted in a file first, so that nothing is lost with the process."""

    notes: Any = None

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append(name)
        self.notes.write(name + "\n")
        self.notes.flush()
        due = len(self.calls) == self.at
        if due and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*args, **kwargs)
        finally:
            if due:
                os.kill(os.getpid(), signal.SIGKILL)


def _world(request: dict[str, Any], plan: FaultPlan) -> World:
    connection = connect(lake_credentials.load(Path(request["lakectl"])))
    lake = LakeFSLake(connection, request["repository"])
    tracker = MLflowTracker(f"sqlite:///{request['database']}", request["repository"])
    watched: Any = Watched(lake, plan, "lake")
    ports = fake_ports(watched, tracker=Watched(tracker, plan, "tracker"))
    ports = dataclasses.replace(ports, clock=SystemClock(), processes=SystemProcesses(), nonce=nonce)
    return World(watched, ports, FakeJudge(watched))


def _prepare(request: dict[str, Any]) -> None:
    connection = connect(lake_credentials.load(Path(request["lakectl"])))
    connection.create_repository(request["repository"])
    lake = LakeFSLake(connection, request["repository"])
    tracker = MLflowTracker(f"sqlite:///{request['database']}", request["repository"])
    prepared_world(lake=lake, tracker=tracker, clock=SystemClock(), nonce=nonce)


def _job(request: dict[str, Any]) -> Any:
    plan = SigKillPlan(request.get("at", 0), request.get("after", False))
    with Path(request["notes"]).open("w", encoding="utf-8") as plan.notes:
        if request["job"] == "prepare":
            return _prepare(request)
        world = _world(request, plan)
        if request["job"] == "end":
            return end_of(world)
        if request["job"] == "reconcile":
            return reconcile(world.ports)
        return COMMANDS[request["job"]](world)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a child for one job and wait for it; its calls are in the notes, its result in a file."""
    result = Path(request["notes"] + ".result")
    result.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            result.write_text(json.dumps(_job(request)), encoding="utf-8")
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    calls = Path(request["notes"]).read_text(encoding="utf-8").split()
    found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else None
    return {"status": os.waitstatus_to_exitcode(status), "calls": calls, "result": found}


def main() -> None:
    """Answer requests until standard input ends."""
    import lakefs  # noqa: F401 - this and the next are what makes a cold start slow
    import mlflow  # noqa: F401
    from mlflow.store.model_registry import sqlalchemy_store as registry  # noqa: F401
    from mlflow.store.tracking import sqlalchemy_store as tracking  # noqa: F401

    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
