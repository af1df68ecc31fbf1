"""The lake servers of this project: private keys, loopback only, the same data after a restart."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.runs.errors import ConfigError, LakeDenied, LakeUnavailable

pytestmark = pytest.mark.slow

STARTS: dict[str, Callable[..., Credentials]] = {
    "embedded": servers.start_embedded,
    "real": servers.start_lakefs,
}


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    servers.stop(tmp_path / "state")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a server for the embedded one and, where it is wanted, for the real program."""
    if "kind" in metafunc.fixturenames:
        kinds: list[object] = ["embedded"]
        if os.environ.get("MLOPS_REAL_LAKEFS") == "1" or metafunc.config.getoption("-m") == "real_lakefs":
            kinds.append(pytest.param("real", marks=pytest.mark.real_lakefs))
        metafunc.parametrize("kind", kinds)


class TestServers:
    def test_data_and_key_outlive_it(self, kind: str, state_dir: Path) -> None:
        before = STARTS[kind](state_dir)
        connect(before).create_repository("flights")
        lake = LakeFSLake(connect(before), "flights")
        lake.write("main", "a", b"1")
        commit = lake.commit("main", "m", {})
        assert servers.stop(state_dir)
        with pytest.raises(LakeUnavailable):
            lake.head("main")
        after = STARTS[kind](state_dir)

        assert after.access_key_id == before.access_key_id
        assert after.secret_access_key == before.secret_access_key
        assert LakeFSLake(connect(after), "flights").read(commit, "a") == b"1"

    def test_one_runs_at_a_time(self, kind: str, state_dir: Path) -> None:
        first = STARTS[kind](state_dir)
        server = servers.running(state_dir)

        assert STARTS[kind](state_dir) == first
        assert servers.running(state_dir) == server
        assert server is not None
        assert server.address == first.endpoint

    def test_nobody_else_can_read_its_keys_or_reach_it(self, kind: str, state_dir: Path) -> None:
        credentials = STARTS[kind](state_dir)
        process = servers.running(state_dir)
        assert process is not None
        secret = credentials.secret_access_key.encode()
        command_line = Path(f"/proc/{process.pid}/cmdline")

        assert credentials.endpoint.startswith("http://127.0.0.1:")
        assert not command_line.exists() or secret not in command_line.read_bytes()
        assert secret not in Path(process.log).read_bytes()
        assert stat.S_IMODE((state_dir / lake_credentials.FILE_NAME).stat().st_mode) == 0o600
        with pytest.raises(LakeDenied):
            connect(Credentials(credentials.endpoint, credentials.access_key_id, "wrong")).version()


class TestProgram:
    def test_one_that_is_nowhere_is_said_so(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(servers, "_which_lakefs", lambda: None)
        with pytest.raises(ConfigError, match="embedded"):
            servers.start_lakefs(tmp_path)

    def test_a_download_that_fails_is_said_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said: list[str] = []
        monkeypatch.setattr(servers, "_which_lakefs", lambda: None)
        monkeypatch.setattr(servers, "_DOWNLOAD", ("-c", "raise SystemExit(1)"))
        with pytest.raises(ConfigError, match="cannot be downloaded"):
            servers.find_lakefs(download=True, progress=said.append)

        assert len(said) == 1

    def test_its_secrets_stay_when_it_is_configured_again(self, tmp_path: Path) -> None:
        written = [servers.write_config(tmp_path, f"127.0.0.1:{port}").read_text() for port in (1, 2)]

        assert written[0].replace("127.0.0.1:1", "127.0.0.1:2") == written[1]
        assert "enabled: true" not in written[0]

    def test_the_users_own_settings_for_lakefs_do_not_reach_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LAKEFS_LISTEN_ADDRESS", "0.0.0.0:8000")
        made = servers.lakefs_environment(Path("/home"), lake_credentials.generate("http://127.0.0.1:1"))

        assert not [name for name in made if name.startswith("LAKEFS_") and "INSTALLATION" not in name]


def test_an_address_where_nobody_answers_is_unavailable() -> None:
    with pytest.raises(LakeUnavailable, match=r"127\.0\.0\.1:1"):
        servers.check_answers(Credentials("http://127.0.0.1:1"))
