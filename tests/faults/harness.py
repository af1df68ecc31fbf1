"""The warmed process from outside: worlds copied from templates, commands given, processes killed.

A template is the store of a lake server and MLflow's database, made once. A point copies it, starts a server
on the copy, kills somebody, and runs the command again; that costs half a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops.adapters.lake import credentials
from mlops.lakeserver.store import Store
from mlops.lakeserver.store.verify import verify
from tests.faults import pipeline_steps, real_steps
from tests.faults.points import Point, Undisturbed
from tests.support.commands import COMMANDS

KILLED = -signal.SIGKILL


#: Templates of which all others are copies.
BARE, PREPARED, STEPS = "bare", "prepared", "steps"


def base_of(name: str) -> str:
    """Return the template that another one is made from; empty where it is made from nothing."""
    if name in pipeline_steps.COMMANDS:
        return pipeline_steps.base_of(name)
    if name in real_steps.COMMANDS:
        return STEPS
    return (BARE if COMMANDS[name].bare else PREPARED) if name in COMMANDS else ""


@dataclass
class Zygote:
    """The warmed process and a folder for worlds."""

    process: subprocess.Popen[str]
    folder: Path
    lakectl: Path
    templates: dict[str, Path] = field(default_factory=dict)
    undisturbed: dict[str, Undisturbed] = field(default_factory=dict)
    worlds: int = 0

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer to one request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the warmed process has died"
        return json.loads(answer)

    def world(self, template: Path | None = None) -> World:
        """Return a new world: a copy of a template, or one with nothing in it."""
        self.worlds += 1
        folder = self.folder / f"world-{self.worlds}"
        if template is None:
            folder.mkdir()
        else:
            shutil.copytree(template, folder)
        return World(self, folder)

    def template(self, name: str) -> Path:
        """Return a template: of a command, or one that others are made from; made where it is missing."""
        if name not in self.templates:
            base = base_of(name)
            world = self.world(self.template(base) if base else None)
            with world.serving(until=signal.SIGTERM):
                if name == PREPARED:
                    world.warm()
                elif name == STEPS:
                    self.ask(do="load", modules=world.done(name))
                elif name in pipeline_steps.BASES:
                    made = world.done("pipeline", pipeline=pipeline_steps.BASES[name])
                    self.ask(do="load", modules=made)
                elif base:
                    world.done("prepare", command=name)
                else:
                    world.done(name)
            self.templates[name] = world.folder
        return self.templates[name]

    def known(self, command: str) -> Undisturbed:
        """Return what a command does if nobody dies."""
        if command not in self.undisturbed:
            world = self.world(self.template(command))
            with world.serving():
                calls = world.done("give", command=command, at=0, after=False, notes=str(world.calls))
                assert calls is None
                requests = world.requests.read_text(encoding="utf-8").splitlines()
                end = world.done("end", command=command)
            world.verify()
            calls = world.calls.read_text(encoding="utf-8").splitlines()
            self.undisturbed[command] = Undisturbed(end, calls, requests)
        return self.undisturbed[command]

    def kill(self, point: Point) -> None:
        """Kill at a point, give the command again, and check that the end is that of an undisturbed run."""
        expected = self.known(point.command).end
        world = self.world(self.template(point.command))
        kill = world.kill_server if point.server else world.kill_victim
        with kill(point):
            found = world.done("again", command=point.command)
        assert found == expected, f"{point}\n{world.told()}"
        world.verify()
        shutil.rmtree(world.folder)


@dataclass
class World:
    """A lake server's store and MLflow's database, in a folder of their own."""

    zygote: Zygote
    folder: Path
    port: int = 0
    endpoint: str = ""
    pid: int = 0

    @property
    def calls(self) -> Path:
        return self.folder / "calls"

    @property
    def requests(self) -> Path:
        return self.folder / "requests"

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def start(self, *, at: int = 0, after: bool = False) -> None:
        """Start a server on the store, at the port that the last one had."""
        known = credentials.load(self.zygote.lakectl)
        answer = self.zygote.ask(
            do="serve",
            data=str(self.lake),
            port=self.port,
            key=known.access_key_id,
            secret=known.secret_access_key,
            notes=str(self.requests),
            stderr=str(self.folder / "stderr"),
            at=at,
            after=after,
        )
        self.pid, self.endpoint = answer["pid"], answer["endpoint"]
        assert self.endpoint, self.told()
        self.port = int(self.endpoint.rpartition(":")[2])

    def stop(self, signal_: int = signal.SIGKILL, *, dies: bool = False) -> dict[str, Any]:
        """End the server, if it has not ended by itself, and return how it did.

        Where it is known to be dying it is waited for.
        """
        pid, self.pid = self.pid, 0
        return self.zygote.ask(do="stop", pid=pid, signal=signal_, dies=dies)

    @contextlib.contextmanager
    def serving(self, *, until: int = signal.SIGKILL) -> Iterator[None]:
        """Let a server run while the context lasts, and end it by a signal."""
        self.start()
        try:
            yield
        finally:
            self.stop(until)

    def job(self, job: str, **options: Any) -> dict[str, Any]:
        """Return how a job in a process of its own ended."""
        return self.zygote.ask(do="job", job=job, **self._places(), **options)

    def warm(self) -> None:
        """Let the warmed process itself make the world in which most commands are given, and be warm then."""
        self.zygote.ask(do="warm", **self._places())

    def race(self, racers: dict[str, Any], **directions: Any) -> dict[str, Any]:
        """Return how a race ended: racer to role and options, directed from a seed."""
        return self.zygote.ask(do="race", racers=racers, directions=directions, **self._places())

    def _places(self) -> dict[str, Any]:
        address = {
            "lakectl": str(self.zygote.lakectl),
            "endpoint": self.endpoint,
            "database": str(self.folder / "mlflow.db"),
        }
        return {"address": address, "folder": str(self.folder), "stderr": str(self.folder / "stderr")}

    def done(self, job: str, **options: Any) -> Any:
        """Return what a job came to, which must be no error."""
        answer = self.job(job, **options)
        assert answer["status"] == 0, f"{answer} {self.told()}"
        assert "error" not in answer, f"{answer}\n{self.told()}"
        return answer["result"]

    @contextlib.contextmanager
    def kill_victim(self, point: Point) -> Iterator[None]:
        """Let a process give the command and die; the server lives on, also in the context."""
        with self.serving():
            options = {"at": point.at, "after": point.after, "notes": str(self.calls)}
            answer = self.job("give", command=point.command, **options)
            assert answer["status"] == KILLED, f"{point}\n{answer}\n{self.told()}"
            yield

    @contextlib.contextmanager
    def kill_server(self, point: Point) -> Iterator[None]:
        """Let the server die while a process gives the command, which must say so and no more.

        In the context another server is at work on the same store, at the same port.
        """
        self.start(at=point.at, after=point.after)
        answer = self.job("give", command=point.command, at=0, after=False, notes=str(self.calls))
        ended = self.stop(dies=answer.get("error") == "LakeUnavailable")
        assert ended == {"status": KILLED, "was_alive": False}, f"{point}\n{ended}\n{self.told()}"
        assert answer.get("error") == "LakeUnavailable", f"{point}\n{answer}\n{self.told()}"
        with self.serving():
            yield

    def verify(self) -> None:
        """Check every hash and every reference of the store."""
        store = Store(self.lake)
        try:
            assert verify(store) == []
        finally:
            store.close()

    def told(self) -> str:
        """Return the end of what went wrong in the children."""
        file = self.folder / "stderr"
        return file.read_text(encoding="utf-8")[-6000:] if file.exists() else "nothing was told"


@contextlib.contextmanager
def warmed(folder: Path) -> Iterator[Zygote]:
    """Start the warmed process; it ends with the context."""
    lakectl = folder / credentials.FILE_NAME
    credentials.save(credentials.generate("http://127.0.0.1"), lakectl)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A fit must not depend on how many threads share it, and threads do not survive a fork.
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline()) == {"ready": True}
        zygote = Zygote(process, folder, lakectl)
        zygote.template(PREPARED)
        yield zygote
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()
