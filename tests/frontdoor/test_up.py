"""What ``mlops up`` really starts: MLflow and Dagster through the front door, and not around it."""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect as open_websocket
from websockets.typing import Subprotocol

from mlops.adapters.lake import credentials
from mlops.adapters.lake.connection import connect
from mlops.adapters.lake.lake import LakeFSLake
from tests.frontdoor.conftest import Reply, basic
from tests.support import chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="who listens is read from /proc"),
]

SERVERS = ("lake", "front-door", "mlflow", "dagster", "dagster-daemon")


@dataclass(frozen=True)
class Up:
    """A state folder whose servers run."""

    state_dir: Path
    environment: dict[str, str]
    told: dict[str, Any]

    @property
    def host(self) -> str:
        return self.told["address"].removeprefix("http://")

    def mlops(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return _mlops({**self.environment, **environment}, *arguments)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if body is None else json.dumps(body).encode()
        if sent is not None:
            given["content-type"] = "application/json"
        with closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            connection.request(method, path, sent, given)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())

    def log_in(self, what: str) -> tuple[str, str]:
        """Log in by ``mlops open``; return the session's cookie and the path that it led to."""
        address = self.mlops("open", what, "--print").stdout.strip()
        answer = self.ask("GET", address.removeprefix(self.told["address"]))
        assert answer.status == 303, answer.body
        return answer.header("set-cookie").partition(";")[0], answer.header("location")


def _mlops(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlops.cli", *arguments]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    state_dir = tmp_path_factory.mktemp("up") / "state"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLOPS_", "MLFLOW_", "LAKECTL_", "DAGSTER_"))
    }
    environment = {
        **kept,
        "MLOPS_STATE_DIR": str(state_dir),
        "MLOPS_LAKE_PORT": "0",
        "MLOPS_FRONT_DOOR_PORT": "0",
        "MLOPS_SERVER_START_TIMEOUT_S": "400",
    }
    try:
        yield Up(state_dir, environment, json.loads(_mlops(environment, "up", "--json").stdout))
    finally:
        stopped = json.loads(_mlops(environment, "down", "--json").stdout)["stopped"]
        assert sorted(stopped) == sorted(SERVERS)


def processes(session: int) -> list[int]:
    """Return the processes that a server has started, and itself: all of its session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found.append(int(folder.name))
    return found


def ports(session: int) -> set[int]:
    """Return the TCP ports on which processes of a session listen."""
    sockets = set()
    for process in processes(session):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            except OSError:
                continue
            if found:
                sockets.add(found[1])
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                listening.add(int(fields[1].rpartition(":")[2], 16))
    return listening


class TestAround:
    def test_there_is_no_port_of_mlflow_or_dagster(self, up: Up) -> None:
        found = {server["name"]: ports(server["pid"]) for server in up.told["servers"]}

        assert found["mlflow"] == found["dagster"] == found["dagster-daemon"] == set()
        assert found["front-door"] == {int(up.host.rpartition(":")[2])}
        assert len(found["lake"]) == 1

    def test_sockets_are_out_of_other_users_reach(self, up: Up) -> None:
        # The path of the tests' folder may be too long for sockets, which are elsewhere then.
        pointer = up.state_dir / "sockets.path"
        folder = Path(pointer.read_text()) if pointer.exists() else up.state_dir / "sockets"

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {file.name for file in folder.iterdir()} == {"mlflow.sock", "dagster.sock", "front-door.sock"}
        if os.geteuid() == 0:  # who else could become somebody else
            for file in folder.iterdir():
                assert connecting_as_nobody(file) == "PermissionError"

    def test_nothing_is_answered_without_a_login(self, up: Up) -> None:
        for path in (
            "/",
            "/mlflow/",
            "/mlflow/health",
            "/mlflow/get-artifact",
            "/dagster/",
            "/dagster/graphql",
        ):
            assert up.ask("GET", path).status == 401
        launch = {"query": "mutation { launchRun(executionParams: {}) { __typename } }"}
        for headers in ({}, {"host": "evil.example"}, {"origin": "http://evil.example"}):
            assert up.ask("POST", "/dagster/graphql", launch, **headers).status in (401, 403)

    def test_no_key_stands_on_a_command_line(self, up: Up) -> None:
        key = credentials.load(up.state_dir / "lakectl.yaml")
        for server in up.told["servers"]:
            for process in processes(server["pid"]):
                line = Path(f"/proc/{process}/cmdline").read_text()
                assert key.secret_access_key not in line


def connecting_as_nobody(file: Path) -> str:
    program = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n    socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n    print('connected')\n"
        "except OSError as error:\n    print(type(error).__name__)\n"
    )
    command = [sys.executable, "-S", "-c", program, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class TestThrough:
    def test_one_login_opens_everything(self, up: Up) -> None:
        cookie, led_to = up.log_in("lake")

        assert led_to == "/"
        assert b"Repositories" in up.ask("GET", "/repositories", cookie=cookie).body
        for prefix in ("/mlflow/", "/dagster/"):
            index = up.ask("GET", prefix, cookie=cookie)
            assert index.status == 200
            script = re.search(rb'<script[^>]* src="([^"]+\.js)"', index.body)
            assert script is not None
            found = script[1].decode()
            loaded = up.ask("GET", found if found.startswith("/") else prefix + found, cookie=cookie)
            assert loaded.status == 200
            assert "javascript" in loaded.header("content-type")

    def test_dagster_answers_graphql(self, up: Up) -> None:
        cookie, _ = up.log_in("dagster")
        query = {
            "query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
        }
        answer = up.ask("POST", "/dagster/graphql", query, cookie=cookie, origin=up.told["address"])

        assert "flights_run" in answer.body.decode()

    def test_dagster_s_subscriptions_pass(self, up: Up) -> None:
        cookie, _ = up.log_in("dagster")
        with open_websocket(
            f"ws://{up.host}/dagster/graphql",
            additional_headers={"Cookie": cookie, "Origin": up.told["address"]},
            subprotocols=[Subprotocol("graphql-ws")],
            proxy=None,
        ) as opened:
            opened.send(json.dumps({"type": "connection_init", "payload": {}}))
            assert json.loads(opened.recv(timeout=60))["type"] == "connection_ack"

    def test_mlflow_lists_and_reads_files_of_the_lake(self, up: Up) -> None:
        key = credentials.load(up.state_dir / "lakectl.yaml")
        connection = connect(key)
        connection.create_repository("models")
        lake = LakeFSLake(connection, "models")
        lake.write("main", "model/notes.txt", b"hello")
        commit = lake.commit("main", "a model", {})
        keyed = basic(key.access_key_id, key.secret_access_key)
        api = "/mlflow/api/2.0/mlflow"
        run = up.ask("POST", f"{api}/runs/create", {"experiment_id": "0"}, authorization=keyed).document
        run_id = run["run"]["info"]["run_id"]
        with closing(sqlite3.connect(up.state_dir / "mlflow.db")) as database, database:
            where = f"lakefs://models/{commit}/model"
            database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (where, run_id))

        listed = up.ask(
            "GET", f"/mlflow/ajax-api/2.0/mlflow/artifacts/list?run_id={run_id}", authorization=keyed
        )

        assert listed.document["files"] == [{"path": "notes.txt", "is_dir": False, "file_size": 5}]
        query = urlencode({"run_uuid": run_id, "path": "notes.txt"})
        assert up.ask("GET", f"/mlflow/get-artifact?{query}").status == 401

    def test_the_lake_s_clients_may_come_through_the_door(self, up: Up) -> None:
        key = credentials.load(up.state_dir / "lakectl.yaml")
        through = credentials.Credentials(up.told["address"], key.access_key_id, key.secret_access_key)
        connection = connect(through)
        connection.create_repository("through")
        lake = LakeFSLake(connection, "through")
        lake.write("main", "a b/ü.bin", b"\x00" * 3_000_000)
        commit = lake.commit("main", "by the door", {})

        assert LakeFSLake(connect(key), "through").read(commit, "a b/ü.bin") == b"\x00" * 3_000_000

    def test_logging_out_ends_the_lake_s_session_too(self, up: Up) -> None:
        cookie, _ = up.log_in("lake")
        answer = up.ask("POST", "/auth/logout", cookie=cookie, origin=up.told["address"])

        assert answer.status == 303
        assert up.ask("GET", "/mlflow/", cookie=cookie).status == 401


class TestCommands:
    def test_up_again_changes_nothing(self, up: Up) -> None:
        again = json.loads(up.mlops("up", "--json").stdout)

        assert (again["address"], again["servers"]) == (up.told["address"], up.told["servers"])

    def test_status_names_the_front_door(self, up: Up) -> None:
        addresses = {server["name"]: server["address"] for server in up.told["servers"]}

        assert addresses["mlflow"] == f"{up.told['address']}/mlflow/"
        assert addresses["dagster"] == f"{up.told['address']}/dagster/"

    def test_open_gives_the_browser_a_private_file_and_no_code(self, up: Up, tmp_path: Path) -> None:
        seen = tmp_path / "seen"
        browser = tmp_path / "browser"
        browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part && mv {seen}.part {seen}\n')
        browser.chmod(0o700)

        told = json.loads(up.mlops("open", "mlflow", "--json", BROWSER=str(browser)).stdout)

        assert told["opened"] is True
        assert told["address"] == f"{up.told['address']}/mlflow/"
        file = Path(seen.read_text().removeprefix("file://"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        code = re.search(r'name="code" value="([^"]+)"', file.read_text())
        assert code is not None
        assert code[1] not in seen.read_text()
        entered = up.ask("GET", f"/auth/enter?code={code[1]}")
        assert (entered.status, entered.header("location")) == (303, "/mlflow/")


@pytest.mark.skipif(chromium.find() is None, reason="there is no chromium on PATH")
def test_a_browser_sees_the_pages_after_opening_a_local_file(up: Up, tmp_path: Path) -> None:
    from mlops.servers.browser import _PAGE

    program = chromium.find()
    assert program is not None
    address = up.told["address"]
    code = up.mlops("open", "mlflow", "--print").stdout.strip().partition("code=")[2]
    page = tmp_path / "open.html"
    page.write_text(_PAGE.format(address=address, code=code))
    with chromium.started(program, tmp_path / "profile") as browser:
        browser.look(width=1400)
        browser.go(page.as_uri())
        for path, title in (("/mlflow/", "MLflow"), ("/dagster/", "Overview"), ("/", "Repositories")):
            if path != "/mlflow/":
                browser.go(f"{address}{path}")
            deadline = time.monotonic() + 120
            while title not in browser.ask("document.title"):
                assert time.monotonic() < deadline, (path, browser.ask("location.href"))
            assert browser.ask("location.href").startswith(address)
        forbidden = [
            message for message in browser.messages if "403" in message or "Content Security" in message
        ]
        assert forbidden == []
