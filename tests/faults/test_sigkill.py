"""SIGKILL at the calls of an ingest, a run and a rollback, on a real server and a real MLflow store.

``just test-faults`` kills at every call, before it and after it; ``just test`` at twenty of these points,
chosen by a fixed seed. Calls found and calls killed are printed and must be equal.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops.adapters import lake_servers
from tests.support.commands import COMMANDS

SEEDED_POINTS = 20
SEED = 20130101


@dataclass
class Zygote:
    """The warmed process, a server and a fresh MLflow store to copy."""

    process: subprocess.Popen[str]
    folder: Path
    lakectl: Path

    def ask(self, job: str, world: World, **options: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        notes = self.folder / f"{world.repository}.calls"
        request = {
            "job": job,
            "repository": world.repository,
            "database": str(world.database),
            "lakectl": str(self.lakectl),
            "notes": str(notes),
            **options,
        }
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@dataclass(frozen=True)
class World:
    """A repository and an MLflow store of one test."""

    repository: str
    database: Path


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    folder = tmp_path_factory.mktemp("faults")
    credentials = lake_servers.start_embedded(folder)
    assert credentials
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        made = Zygote(process, folder, folder / "lakectl.yaml")
        yield made
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()
        lake_servers.stop(folder)


@pytest.fixture(scope="module")
def prepared(zygote: Zygote) -> World:
    """A store of MLflow with two promotions; a world is a copy of it and a repository made alike."""
    return _new_world(zygote, None)


def _new_world(zygote: Zygote, template: World | None) -> World:
    name = f"f{secrets.token_hex(6)}"
    world = World(name, zygote.folder / f"{name}.db")
    if template is not None:
        shutil.copyfile(template.database, world.database)
    answer = zygote.ask("prepare", world)
    assert answer["status"] == 0
    return world


def _undisturbed(zygote: Zygote, prepared: World, command: str) -> tuple[dict[str, Any], int]:
    world = _new_world(zygote, prepared)
    answer = zygote.ask(command, world)
    assert answer["status"] == 0
    return zygote.ask("end", world)["result"], len(answer["calls"])


def _kill_and_run_again(
    zygote: Zygote, prepared: World, command: str, at: int, *, after: bool, expected: dict[str, Any]
) -> None:
    world = _new_world(zygote, prepared)
    killed = zygote.ask(command, world, at=at, after=after)
    point = f"{command}: call {at} ({killed['calls'][-1]}), {'after' if after else 'before'} it"
    assert killed["status"] == -9, point
    again = zygote.ask(command, world)
    assert again["status"] == 0, point
    assert zygote.ask("end", world)["result"] == expected, point


@pytest.mark.slow
def test_killed_at_seeded_points_and_run_again(zygote: Zygote, prepared: World) -> None:
    found = {command: _undisturbed(zygote, prepared, command) for command in COMMANDS}
    points = [(c, at, after) for c in COMMANDS for at in range(1, found[c][1] + 1) for after in (False, True)]
    chosen = random.Random(SEED).sample(points, SEEDED_POINTS)
    for command, at, after in chosen:
        _kill_and_run_again(zygote, prepared, command, at, after=after, expected=found[command][0])
    print(f"{len(points)} points found, {len(chosen)} of them killed")  # noqa: T201


@pytest.mark.faults
@pytest.mark.parametrize("command", list(COMMANDS))
def test_killed_at_every_call_and_run_again(zygote: Zygote, prepared: World, command: str) -> None:
    expected, calls = _undisturbed(zygote, prepared, command)
    killed: Counter[bool] = Counter()
    for after in (False, True):
        for at in range(1, calls + 1):
            _kill_and_run_again(zygote, prepared, command, at, after=after, expected=expected)
            killed[after] += 1
    print(f"{command}: {calls} calls found, killed before: {killed[False]}, after: {killed[True]}")  # noqa: T201
    assert killed[False] == killed[True] == calls
