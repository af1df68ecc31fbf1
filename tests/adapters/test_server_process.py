"""Server programs: started, found again, stopped, and never mistaken for one another."""

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

import pytest

from mlops.adapters import server_process
from mlops.runs.errors import ConfigError, LakeUnavailable, TrackerUnavailable

#: Answers every GET with 200 on a port; with "stubborn", it ignores SIGTERM.
PROGRAM = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
    def log_message(self, *args): pass
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("interrupt", signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
print("token", os.environ.get("TOKEN"), flush=True)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    server_process.stop("thing", tmp_path, grace_s=0)


def started(state_dir: Path, *arguments: str, **options: object) -> server_process.ServerProcess:
    port = server_process.free_port()
    settings = {"ready_path": "/ready", "timeout_s": 10.0, **options}
    return server_process.start(
        [sys.executable, "-S", "-c", PROGRAM, str(port), *arguments],
        name="thing",
        state_dir=state_dir,
        address=f"http://127.0.0.1:{port}",
        **settings,  # pyright: ignore[reportArgumentType]
    )


class TestStart:
    def test_returns_once_it_answers(self, state_dir: Path) -> None:
        server = started(state_dir)

        assert server_process.answers(server.address, "/ready")
        assert not server_process.answers(server.address, "/other")
        assert server_process.find("thing", state_dir) == server

    def test_finds_one_that_runs_already(self, state_dir: Path) -> None:
        first = started(state_dir)

        assert started(state_dir) == first

    def test_does_something_else_while_it_starts(self, state_dir: Path) -> None:
        seen: list[server_process.ServerProcess | None] = []

        def look() -> None:
            seen.append(server_process.find("thing", state_dir))

        server = started(state_dir, meanwhile=look)
        assert seen == [server]
        started(state_dir, meanwhile=look)
        assert seen == [server, server]

    def test_stops_what_it_started_where_that_fails(self, state_dir: Path) -> None:
        def fail() -> None:
            raise ConfigError("another server could not be started")

        with pytest.raises(ConfigError, match="another server"):
            started(state_dir, meanwhile=fail)
        assert server_process.find("thing", state_dir) is None

    def test_hands_on_the_environment_it_is_given_and_no_other(
        self, state_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOKEN", "inherited")
        log = Path(started(state_dir, env={"PATH": os.environ["PATH"]}).log)

        assert "token None" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_a_background_script_does_not_make_it_deaf(self, state_dir: Path) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            log = started(state_dir).log
        finally:
            signal.signal(signal.SIGINT, before)

        assert "interrupt True" in Path(log).read_text()

    def test_one_that_ends_at_once_is_an_error_with_its_last_words(self, state_dir: Path) -> None:
        port = server_process.free_port()
        with pytest.raises(TrackerUnavailable, match="no room"):
            server_process.start(
                [sys.executable, "-S", "-c", "raise SystemExit('no room')"],
                name="thing",
                state_dir=state_dir,
                address=f"http://127.0.0.1:{port}",
                ready_path="/",
                failure=TrackerUnavailable,
            )

        assert server_process.find("thing", state_dir) is None

    def test_one_that_never_answers_is_stopped_again(self, state_dir: Path) -> None:
        said: list[str] = []
        with pytest.raises(LakeUnavailable, match="no answer"):
            started(state_dir, ready_path="/never", timeout_s=0.0, progress=said.append)

        assert server_process.find("thing", state_dir) is None
        assert list(state_dir.glob("*.pid")) == []

    def test_a_program_that_is_not_there_is_named(self, state_dir: Path) -> None:
        with pytest.raises(ConfigError, match="no-such-program"):
            server_process.start(
                ["no-such-program"],
                name="thing",
                state_dir=state_dir,
                address="http://127.0.0.1:1",
                ready_path="/",
            )


class TestStop:
    def test_ends_it_and_says_so_once(self, state_dir: Path) -> None:
        server = started(state_dir)

        assert server_process.stop("thing", state_dir)
        assert not server.alive()
        assert not server_process.stop("thing", state_dir)

    def test_one_that_does_not_listen_is_killed(self, state_dir: Path) -> None:
        server = started(state_dir, "stubborn")

        assert server_process.stop("thing", state_dir, grace_s=0.05)
        assert not server.alive()

    def test_works_from_another_process_than_the_one_that_started_it(self, state_dir: Path) -> None:
        server = started(state_dir)
        script = (
            "import sys, pathlib; from mlops.adapters import server_process;"
            "print(server_process.stop('thing', pathlib.Path(sys.argv[1])))"
        )
        command = [sys.executable, "-c", script, str(state_dir)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)

        assert answer.stdout.strip() == "True"
        assert not server.alive()


class TestIdentity:
    def test_a_pid_that_now_is_another_process_is_left_alone(self, state_dir: Path) -> None:
        server = started(state_dir)
        file = state_dir / "thing.pid"
        record = json.loads(file.read_text())
        file.write_text(json.dumps({**record, "started": "0"}))

        assert not server_process.stop("thing", state_dir)
        assert server.alive()
        file.write_text(json.dumps(record))

    @pytest.mark.parametrize("text", ["", "12", '{"pid": 1}', "not json"])
    def test_a_damaged_pid_file_is_none(self, state_dir: Path, text: str) -> None:
        file = state_dir / "thing.pid"
        file.write_text(text)

        assert server_process.find("thing", state_dir) is None
        assert not file.exists()


class TestPorts:
    def test_the_preferred_one_is_taken_if_it_is_free(self) -> None:
        port = server_process.free_port()

        assert server_process.free_port(port) == port

    def test_another_one_if_somebody_listens_there(self, state_dir: Path) -> None:
        server = started(state_dir)
        taken = int(server.address.rpartition(":")[2])

        assert server_process.free_port(taken) not in {taken, 0}


class TestCopies:
    def test_a_copied_folder_does_not_find_the_server_of_the_original(
        self, state_dir: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        server = started(state_dir)
        copy = tmp_path_factory.mktemp("copies") / "copy"
        shutil.copytree(state_dir, copy)

        assert server_process.find("thing", copy) is None
        assert server_process.stop("thing", copy) is False
        assert not (copy / "thing.pid").exists()
        assert server_process.find("thing", state_dir) == server

    def test_a_folder_that_was_moved_does(self, tmp_path: Path) -> None:
        before, after = tmp_path / "before", tmp_path / "after"
        server = started(before)
        before.rename(after)

        assert server_process.find("thing", after) == server
        assert server_process.stop("thing", after, grace_s=0)
