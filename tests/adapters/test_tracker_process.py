"""The tracker in a process of its own: the answers of `MLflowTracker`, and an end that is never forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.adapters.tracking.tracker import MLflowTracker
from mlops.adapters.tracking.tracker_process import TrackerProcess, is_possible
from mlops.runs.errors import TrackerDamaged, TrackerUnavailable

pytestmark = pytest.mark.skipif(not is_possible(), reason="this system hands no sockets on to processes")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture
def tracker(store: str) -> Iterator[TrackerProcess]:
    opened = TrackerProcess(store, "flights")
    yield opened
    opened.close()


def test_what_it_writes_is_what_the_tracker_reads(tracker: TrackerProcess, store: str) -> None:
    tracker.note("flights", "key", "value")

    assert MLflowTracker(store, "flights").noted("flights") == {"key": "value"} == tracker.noted("flights")
    assert tracker.find("0" * 12) is None
    assert tracker.address == store


def test_errors_keep_their_class_and_their_fields(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(b"no database" * 1000)
    damaged = TrackerProcess(f"sqlite:///{file}", "flights")

    with pytest.raises(TrackerDamaged, match="is not a database") as raised:
        damaged.find("0" * 12)

    damaged.close()
    assert raised.value.where == f"sqlite:///{file}"


def test_a_process_that_died_is_an_unavailable_tracker_and_another_one_starts(
    tracker: TrackerProcess,
) -> None:
    assert tracker._child is not None
    os.kill(tracker._child.pid, signal.SIGKILL)
    tracker._child.wait()

    with pytest.raises(TrackerUnavailable, match="has ended"):
        tracker.aliases("flights")

    assert tracker.aliases("flights") == {}


def test_no_password_is_on_the_command_line() -> None:
    tracker = TrackerProcess("postgresql://me:hidden@127.0.0.1:9/mlflow", "flights")
    assert tracker._child is not None
    assert "hidden" not in str(tracker._child.args) + tracker.address
    tracker.close()


def test_it_ends_with_a_command_that_is_killed(store: str) -> None:
    program = (
        "import sys\nfrom mlops.adapters.tracking.tracker_process import TrackerProcess\n"
        "tracker = TrackerProcess(sys.argv[1], 'flights')\n"
        "print(tracker._child.pid, flush=True)\nsys.stdin.read()"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    child = int(command.stdout.readline())

    command.kill()
    command.communicate()

    assert _ended(child)


def _ended(pid: int) -> bool:
    """Wait, for at most half a minute, until a process that is nobody's child here is gone."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if _is_zombie(pid):
            return True
        os.sched_yield()
    return False


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
