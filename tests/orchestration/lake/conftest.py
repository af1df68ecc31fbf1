"""A lakeFS server with an empty repository per test, found through the environment as a user's would be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.adapters.lake import servers
from mlops.adapters.lake.lake import Connection, connect
from mlops.orchestration.lake import DataStore, LakeFSResource
from mlops.orchestration.lake.lakefs_resource import ENDPOINT, KEY_ID, SECRET
from tests.contract.conftest import real_is_wanted


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that needs a server on the embedded one and, where it is wanted, on a real lakeFS."""
    if "server_kind" in metafunc.fixturenames:
        kinds: list[object] = ["folder", "embedded"] if "either" in metafunc.fixturenames else ["embedded"]
        if real_is_wanted(metafunc.config):
            kinds.append(pytest.param("real", marks=pytest.mark.real_lakefs))
        metafunc.parametrize("server_kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def server(server_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    if server_kind == "real" and not servers.find_lakefs():
        pytest.skip("there is no lakeFS program on PATH")
    state_dir: Path = tmp_path_factory.mktemp(f"lake-{server_kind}")
    start = servers.start_lakefs if server_kind == "real" else servers.start_embedded
    try:
        yield connect(start(state_dir))
    finally:
        servers.stop(state_dir)


@pytest.fixture
def environment(server: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Address and key of the server in lakectl's variables."""
    monkeypatch.setenv(ENDPOINT, server.endpoint)
    monkeypatch.setenv(KEY_ID, server.credentials.access_key_id)
    monkeypatch.setenv(SECRET, server.credentials.secret_access_key)
    return server


@pytest.fixture
def repository(environment: Connection) -> str:
    """Name of an empty repository."""
    name = f"d{secrets.token_hex(6)}"
    environment.create_repository(name)
    return name


@pytest.fixture
def store(repository: str) -> DataStore:
    return DataStore(location=f"lakefs://{repository}", lakefs=LakeFSResource())


@pytest.fixture
def folder(tmp_path: Path) -> DataStore:
    return DataStore(location=str(tmp_path / "data"), lakefs=LakeFSResource())


@pytest.fixture
def either(server_kind: str, request: pytest.FixtureRequest) -> DataStore:
    """A store in a folder, then one on lakeFS."""
    return request.getfixturevalue("folder" if server_kind == "folder" else "store")
