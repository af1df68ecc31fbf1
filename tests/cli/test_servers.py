"""Servers: started when they are needed, found again, stopped; and what they are started with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops import settings
from mlops.adapters import server_process
from mlops.adapters.lake import credentials, servers
from mlops.adapters.lake.connection import connect
from mlops.adapters.server_process import ServerProcess
from mlops.runs.errors import ConfigError
from tests.cli.conftest import Mlops

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's"),
]


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MLOPS_LAKE_PORT", "0")
    folder = tmp_path / "state"
    yield folder
    servers.stop(folder)


class TestEmbedded:
    def test_is_started_once_and_says_so_in_one_line(self, real: Mlops, state_dir: Path) -> None:
        first, second = real("log", "flights"), real("log", "flights")

        address = credentials.load(state_dir / "lakectl.yaml").endpoint
        told = [line for line in first.err.splitlines() if not line.startswith("waiting for lake ")]
        assert told[0] == (f"started the lake server at {address} (embedded, data in {state_dir})")
        assert len(second.err.splitlines()) == 1
        assert stat.S_IMODE((state_dir / "lakectl.yaml").stat().st_mode) == 0o600
        assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700

        lake = real("status", "--json").document["servers"][0]
        assert (lake["running"], lake["address"], lake["mode"]) == (True, address, "embedded")

    def test_keeps_data_and_key_when_it_is_stopped_and_started(self, real: Mlops, state_dir: Path) -> None:
        real("log", "flights")
        before = credentials.load(state_dir / "lakectl.yaml")
        connect(before).create_repository("kept")

        assert real("down", "--json").document["stopped"] == ["lake"]
        assert not server_process.answers(before.endpoint, "/_health")
        assert "nothing to stop" in real("down").out
        real("log", "flights")

        after = credentials.load(state_dir / "lakectl.yaml")
        assert after.secret_access_key == before.secret_access_key
        assert connect(after).repositories() == ["kept"]

    def test_is_not_mistaken_for_another_kind(self, real: Mlops, state_dir: Path) -> None:
        real("log", "flights")

        answer = real("--lake", "lakefs", "log", "flights")

        assert answer.code == 2
        assert "the lake server that runs here is 'embedded', not 'lakefs'; `mlops down`" in answer.error

    def test_is_not_started_for_a_typo(self, real: Mlops, state_dir: Path) -> None:
        for arguments in (("log", "nonsense"), ("run", "flights", "--param", "x"), ("status",)):
            real(*arguments)

        assert not (state_dir / "lake.pid").exists()


class TestForeground:
    @pytest.fixture
    def foreground(self, state_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
        command = [sys.executable, "-m", "mlops.cli", "lake", "serve", "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            address = said.split()[3]
            while not server_process.answers(address, "/_health"):
                assert process.poll() is None, said
            yield process, said
        finally:
            process.kill()
            process.communicate()

    def test_is_found_by_other_commands_and_not_stopped_by_down(
        self, foreground: tuple[subprocess.Popen[str], str], real: Mlops, state_dir: Path
    ) -> None:
        address = credentials.load(state_dir / "lakectl.yaml").endpoint
        assert address in foreground[1]

        assert len(real("log", "flights").err.splitlines()) == 1
        assert real("status", "--json").document["servers"][0]["address"] == address
        assert real("lake", "serve").error == (
            f"error: {address}: it runs already; `mlops down` stops it, or Ctrl-C where it runs"
        )
        assert real("down", "--json").document["stopped"] == []
        assert foreground[0].poll() is None

    def test_ends_well_when_it_is_interrupted(
        self, foreground: tuple[subprocess.Popen[str], str], state_dir: Path
    ) -> None:
        process, _ = foreground
        process.send_signal(signal.SIGINT)

        out, err = process.communicate(timeout=30)

        assert (process.returncode, out, err) == (0, "lake server stopped\n", "")

    def test_only_listens_on_loopback(self, real: Mlops) -> None:
        answer = real("lake", "serve", "--listen", "0.0.0.0:0")

        assert answer.code == 2
        assert "loopback" in answer.error


class TestUp:
    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def start(command: list[str], **options: Any) -> ServerProcess:
            calls.append({"command": command, **options})
            options.get("meanwhile", lambda: None)()
            return ServerProcess(options["name"], 1, "", options["address"], "log")

        monkeypatch.setattr(server_process, "start", start)
        return calls

    @pytest.fixture
    def external(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (
            ("MLOPS_LAKE", "external"),
            ("LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "AKIATHEKEY"),
            ("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "the secret"),
        ):
            monkeypatch.setenv(name, value)

    def test_starts_small_and_silent_servers_that_only_the_front_door_reaches(
        self, real: Mlops, started: list[dict[str, Any]], external: None, state_dir: Path
    ) -> None:
        answer = real("up")

        assert answer.code == 0, answer.err
        assert [server["name"] for server in started][-1] == "dagster-daemon", "after the pages"
        mlflow, dagster, daemon, door = (
            _named(started, name) for name in ("mlflow", "dagster", "dagster-daemon", "front-door")
        )
        assert mlflow["env"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
        assert mlflow["env"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
        for server in (mlflow, dagster):
            socket = Path(server["address"].removeprefix("unix:"))
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
            assert str(socket) in " ".join(server["command"])
            assert not {"--port", "-p"} & set(server["command"])
            assert server["private"]
        home = Path(dagster["env"]["DAGSTER_HOME"])
        assert "enabled: false" in (home / "dagster.yaml").read_text().partition("telemetry:")[2][:30]
        assert daemon["env"]["DAGSTER_HOME"] == str(home)
        assert answer.out.splitlines()[0] == door["address"]
        assert answer.out.count("http://127.0.0.1") == 2, "the door's address, and that of the lake"

    def test_hands_the_front_door_no_secret(
        self, real: Mlops, started: list[dict[str, Any]], external: None, state_dir: Path
    ) -> None:
        answer = real("up", "--json")

        door = _named(started, "front-door")
        options = (state_dir / "front-door.json").read_text()
        assert "the secret" not in options + str(door["command"]) + answer.out
        assert stat.S_IMODE((state_dir / "front-door.json").stat().st_mode) == 0o600
        assert json.loads(options)["lake"]["elsewhere"] is True
        assert answer.document["address"] == door["address"]

    def test_answers_to_the_names_of_the_setting(
        self,
        real: Mlops,
        started: list[dict[str, Any]],
        external: None,
        state_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MLOPS_FRONT_DOOR_HOSTS", "lab.example, localhost:9000")
        real("up")

        assert json.loads((state_dir / "front-door.json").read_text())["hosts"] == [
            "lab.example",
            "localhost:9000",
        ]
        monkeypatch.setenv("MLOPS_FRONT_DOOR_HOSTS", "http://lab.example/")
        assert "MLOPS_FRONT_DOOR_HOSTS" in real("up").error

    def test_stops_a_server_that_has_a_port_of_its_own(
        self,
        real: Mlops,
        started: list[dict[str, Any]],
        external: None,
        state_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        old = ServerProcess("mlflow", 1, "", "http://127.0.0.1:5000", "log")
        stopped: list[str] = []
        monkeypatch.setattr(server_process, "find", lambda name, _: old if name == "mlflow" else None)
        monkeypatch.setattr(server_process, "stop", lambda name, _: stopped.append(name))

        real("up")

        assert stopped == ["mlflow"]

    def test_puts_no_password_on_a_command_line_or_screen(
        self,
        real: Mlops,
        started: list[dict[str, Any]],
        external: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:hidden@db/mlflow")

        answer = real("up")

        assert "hidden" not in answer.out + answer.err + str([server["command"] for server in started])
        mlflow = _named(started, "mlflow")
        assert mlflow["env"]["MLFLOW_BACKEND_STORE_URI"] == "postgresql://me:hidden@db/mlflow"

    def test_leaves_a_teams_mlflow_alone(
        self,
        real: Mlops,
        started: list[dict[str, Any]],
        external: None,
        state_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hidden@mlflow.example")

        answer = real("up")

        assert {server["name"] for server in started} == {"dagster", "dagster-daemon", "front-door"}
        assert "leads to MLflow, http://mlflow.example" in answer.out
        assert "hidden" not in answer.out + (state_dir / "front-door.json").read_text()


def _named(started: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(server for server in started if server["name"] == name)


class TestCopiedStateFolder:
    def test_gets_a_server_of_its_own(
        self, real: Mlops, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real("log", "flights")
        original = credentials.load(state_dir / "lakectl.yaml").endpoint
        copy = tmp_path / "copy"
        shutil.copytree(state_dir, copy)
        # The pid file alone does not tell: the address and the key were copied, too.
        (copy / "lake.pid").unlink()

        with pytest.raises(ConfigError) as caught:
            settings.load(state_dir=copy).lake_credentials()
        assert str(caught.value) == (
            f"{copy}: this state folder is a copy: the address in it is that of the original's server; "
            "`mlops up` starts a server for the copy"
        )
        try:
            monkeypatch.setenv("MLOPS_STATE_DIR", str(copy))
            ended = real("log", "flights")
            assert f"data in {copy}" in ended.err
            mine = credentials.load(copy / "lakectl.yaml").endpoint
            assert mine != original
            assert credentials.load(state_dir / "lakectl.yaml").endpoint == original
        finally:
            servers.stop(copy)
        assert servers.running(state_dir) is not None
