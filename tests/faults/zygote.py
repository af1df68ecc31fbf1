"""A warmed process that forks servers, victims and racers, and reports how they ended.

Imports of the whole stack take seconds and are paid here once; a forked child pays nothing. The zygote itself
opens no connection and no database, so a child inherits nothing that it could share by accident.

One JSON request a line on standard input, one JSON answer a line on standard output.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops.adapters.tracking.store import quieten
from mlops.runs.errors import MlopsError
from tests.faults import pipeline_steps, racers, real_steps, serving, victims
from tests.faults.turnstile import Director, Racer, Turnstile
from tests.faults.victims import Address, SigKillPlan

#: Nobody waits for ever: a child that is not done by then is killed, and has said where it was.
CHILD_S = 240
SERVER_S = 1800

#: Servers that have not been ended; none outlives this process, however the tests end.
serving_now: set[int] = set()

Job = Callable[[dict[str, Any]], Any]


def fork(work: Callable[[], object], stderr: str, limit_s: int) -> int:
    """Return the process id of a child that does some work and ends."""
    child = os.fork()
    if child:
        return child
    try:
        _apart(stderr)
        signal.alarm(limit_s)
        faulthandler.dump_traceback_later(limit_s - 5)
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _apart(stderr: str) -> None:
    """Let go of the zygote's own pipes; what goes wrong is written to a file."""
    nothing = os.open(os.devnull, os.O_RDWR)
    errors = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(source, target)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def outcome_of(work: Callable[[], Any], result: Path) -> None:
    """Write what came of some work to a file; an error of the project's own is an outcome like any other."""
    try:
        outcome = {"result": work()}
    except MlopsError as error:
        outcome = {"error": type(error).__name__, "text": str(error)}
    result.write_text(json.dumps(outcome), encoding="utf-8")


def _address(request: dict[str, Any]) -> Address:
    return Address(**request["address"])


def _kit(request: dict[str, Any]) -> Any:
    """Return the module whose commands these are: models that are numbers, or real ones."""
    if request.get("command") in pipeline_steps.COMMANDS:
        return pipeline_steps
    steps = request.get("steps", request.get("command") in real_steps.COMMANDS)
    return real_steps if steps else victims


def _give(request: dict[str, Any]) -> None:
    with Path(request["notes"]).open("w", encoding="utf-8") as notes:
        plan = SigKillPlan(request["at"], request["after"], notes=notes)
        _kit(request).give(_address(request), request["command"], plan)


JOBS: dict[str, Job] = {
    "steps": lambda r: real_steps.make_base(_address(r)),
    "pipeline": lambda r: pipeline_steps.make_base(_address(r), r["pipeline"]),
    "bare": lambda r: victims.make_base(_address(r), bare=True),
    "prepare": lambda r: _kit(r).prepare(_address(r), r["command"]),
    "give": _give,
    "again": lambda r: _kit(r).give_again(_address(r), r["command"]),
    "end": lambda r: _kit(r).end(_address(r), r["command"]),
    "settle": lambda r: racers.settle(_address(r), _kit(r)),
    "account": lambda r: racers.account(_address(r)),
}


def _job(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a child for one job and wait for it; its result is in a file."""
    result = Path(request["folder"]) / "result"
    result.unlink(missing_ok=True)
    job = JOBS[request["job"]]
    child = fork(lambda: outcome_of(lambda: job(request), result), request["stderr"], CHILD_S)
    _, status = os.waitpid(child, 0)
    return {"status": os.waitstatus_to_exitcode(status), **_found(result)}


def _race(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a child for each racer, direct them until all have ended, and return how."""
    folder, field = Path(request["folder"]), request["racers"]
    pairs = {name: socket.socketpair() for name in field}
    children: dict[str, int] = {}
    for name, (role, options) in field.items():

        def work(name: str = name, role: str = role, options: dict[str, Any] = options) -> None:
            for other, (theirs, mine) in pairs.items():
                theirs.close()
                if other != name:
                    mine.close()
            turnstile = Turnstile(line=pairs[name][1])
            race = functools.partial(racers.race, _address(request), role, turnstile, options)
            outcome_of(race, folder / f"{name}.result")

        children[name] = fork(work, request["stderr"], CHILD_S)
    for _, mine in pairs.values():
        mine.close()
    director = Director([Racer(name, pairs[name][0]) for name in field], **request["directions"])
    left = director.run()
    ended_at_s = time.monotonic()
    for racer in director.racers:
        if not racer.ended:
            os.kill(children[racer.name], signal.SIGKILL)
        racer.line.close()
    statuses = {name: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for name, child in children.items()}
    return {
        "left": left,
        "statuses": statuses,
        "ends": {name: _found(folder / f"{name}.result") for name in field},
        "steps": len(director.trace),
        "trace": director.trace[-200:],
        "settled_s": ended_at_s - director.opened_at_s,
    }


def _found(result: Path) -> dict[str, Any]:
    return json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    """Fork a server and wait until it listens."""
    reads, writes = os.pipe()
    child = fork(lambda: serving.serve(request, writes), request["stderr"], SERVER_S)
    serving_now.add(child)
    os.close(writes)
    with os.fdopen(reads) as ready:
        return {"pid": child, "endpoint": ready.readline().strip()}


def _stop(request: dict[str, Any]) -> dict[str, Any]:
    """End a server that was forked here, if it has not ended by itself, and return how it did."""
    serving_now.remove(request["pid"])
    if request["dies"]:  # its connections are closed a moment before it has ended
        with os.fdopen(os.pidfd_open(request["pid"])) as ended:
            select.select([ended], [], [], CHILD_S)
    child, status = os.waitpid(request["pid"], os.WNOHANG)
    if not child:
        os.kill(request["pid"], request["signal"])
        _, status = os.waitpid(request["pid"], 0)
    return {"status": os.waitstatus_to_exitcode(status), "was_alive": not child}


def _warm(request: dict[str, Any]) -> dict[str, Any]:
    """Do a whole job in this process itself: what is loaded when it is first used is then there for all."""
    address = _address(request)
    victims.make_base(address, bare=False)
    victims.check_clean(address)
    return _frozen()


def _load(request: dict[str, Any]) -> dict[str, Any]:
    """Load what a child has had to load, so that no other has to; nothing is computed or opened."""
    for module in request["modules"]:
        with contextlib.suppress(ImportError):  # some go by names that nobody can import
            importlib.import_module(module)
    real_steps.remember()
    return _frozen()


def _frozen() -> dict[str, Any]:
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.collect()
    gc.freeze()  # a child's collector then leaves the pages alone that it shares with this process
    return {"status": 0, "result": None}


REQUESTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "warm": _warm,
    "load": _load,
    "job": _job,
    "race": _race,
    "serve": _serve,
    "stop": _stop,
}


def import_all() -> None:
    """Import what makes a cold start slow."""
    quieten()
    import lakefs  # noqa: F401
    import mlflow  # noqa: F401
    import uvicorn.loops.uvloop
    import uvicorn.protocols.http.httptools_impl  # noqa: F401
    from mlflow.store.model_registry import sqlalchemy_store as registry  # noqa: F401
    from mlflow.store.tracking import sqlalchemy_store as tracking  # noqa: F401

    import mlops.adapters.lake.client
    import mlops.lakeserver.hooks.engine
    import mlops.lakeserver.pages.site  # noqa: F401


def main() -> None:
    """Answer requests until standard input ends."""
    import_all()
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    try:
        for line in sys.stdin:
            request = json.loads(line)
            print(json.dumps(REQUESTS[request["do"]](request)), flush=True)  # noqa: T201
    finally:
        for server in serving_now:
            os.kill(server, signal.SIGKILL)


if __name__ == "__main__":
    main()
