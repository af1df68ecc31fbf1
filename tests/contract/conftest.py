"""The lakes that must all behave alike: in memory, the embedded server, and (on request) a real lakeFS.

A real one runs where ``MLOPS_REAL_LAKEFS=1`` is set or ``-m real_lakefs`` is given.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops.adapters.lake import servers
from mlops.adapters.lake.lake import Connection, LakeFSLake, connect
from mlops.runs.errors import LakeDenied
from tests.support.memory_lake import MemoryLake

if TYPE_CHECKING:
    from mlops.runs.ports import Lake

#: lakeFS caches branch protection rules for up to six seconds.
PATIENCE_S = {"memory": 0.0, "embedded": 0.0, "real": 12.0}


def real_is_wanted(config: pytest.Config) -> bool:
    """Tell whether the tests shall run against the lakeFS program as well."""
    return os.environ.get("MLOPS_REAL_LAKEFS") == "1" or config.getoption("-m") == "real_lakefs"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test once for every lake that has what it needs."""
    if "kind" not in metafunc.fixturenames:
        return
    served = {"lua_lake", "served"} & set(metafunc.fixturenames)
    kinds: list[object] = ["embedded"] if served else ["memory", "embedded"]
    if real_is_wanted(metafunc.config):
        kinds.append(pytest.param("real", marks=pytest.mark.real_lakefs))
    metafunc.parametrize("kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """Which lake: memory, embedded or real."""
    return request.param


@pytest.fixture(scope="session")
def connection(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection | None]:
    """A server of this kind with a scratch store; None for the lake in memory."""
    if kind == "memory":
        yield None
        return
    state_dir: Path = tmp_path_factory.mktemp(kind)
    started = servers.start_lakefs if kind == "real" else servers.start_embedded
    try:
        yield connect(started(state_dir))
    finally:
        servers.stop(state_dir)


@pytest.fixture
def lake(connection: Connection | None) -> Lake:
    """A new, empty repository."""
    name = f"c{secrets.token_hex(6)}"
    if connection is None:
        return MemoryLake(name)
    connection.create_repository(name)
    return LakeFSLake(connection, name)


@pytest.fixture
def lua_lake(lake: Lake) -> Lake:
    """A new repository on a server that runs Lua hooks."""
    return lake


@pytest.fixture
def served(lake: LakeFSLake) -> LakeFSLake:
    """A new repository behind HTTP, with the streams that the port does not have."""
    return lake


@pytest.fixture
def in_time(kind: str) -> Callable[[Callable[[], object]], None]:
    """Run a call again while it is denied: a real lakeFS knows lifted rules only some seconds later."""

    def run(call: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S[kind]
        while True:
            try:
                call()
            except LakeDenied:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.2)
            else:
                return

    return run


@pytest.fixture
def refused_in_time(kind: str) -> Callable[[Callable[[], object]], None]:
    """Run a harmless call until it is denied: a real lakeFS knows new rules only some seconds later."""

    def run(call: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S[kind]
        while True:
            try:
                call()
            except LakeDenied:
                return
            if time.monotonic() >= end:
                pytest.fail("was not denied")
            time.sleep(0.2)

    return run
