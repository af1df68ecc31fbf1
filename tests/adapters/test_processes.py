"""Processes: alive or not, and never mistaken for a later one of the same id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.adapters import processes
from mlops.adapters.system import SystemProcesses

pytestmark = pytest.mark.skipif(os.name == "nt", reason="process ids are looked up as POSIX has them")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owner(child: subprocess.Popen[bytes]) -> str:
    """Return a child as the owner of a lease."""
    host = SystemProcesses().me().rsplit(":", 2)[0]
    began = "".join((processes.began_at(child.pid) or "0").split()).replace(":", "")
    return f"{host}:{child.pid}:{began}"


def test_a_running_process_is_alive_and_one_of_another_beginning_is_not(
    child: subprocess.Popen[bytes],
) -> None:
    began = processes.began_at(child.pid)
    assert began
    assert processes.is_alive(child.pid, began)
    assert processes.is_alive(child.pid, "")
    assert not processes.is_alive(child.pid, began + "0")


def test_one_that_ended_is_not_alive_before_anybody_waited_for_it(child: subprocess.Popen[bytes]) -> None:
    began, was = processes.began_at(child.pid), owner(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.began_at(child.pid) is None
    assert began
    assert SystemProcesses().alive(was) is False
    assert not processes.is_alive(child.pid, began)


def test_an_owner_is_this_process_or_a_living_one(child: subprocess.Popen[bytes]) -> None:
    known = SystemProcesses()
    assert known.alive(known.me()) is True
    assert known.alive(owner(child)) is True
    assert known.alive(owner(child) + "1") is False
    assert known.alive(owner(child).rpartition(":")[0] + ":0") is True
    assert known.alive(f"elsewhere:{os.getpid()}:1") is None
    assert known.alive("nonsense") is None


def test_a_system_without_proc_is_asked_by_ps(
    child: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ps = tmp_path / "ps"
    ps.write_text(f'#!/bin/sh\n[ "$4" = "{child.pid}" ] && echo "Fri Nov 27 23:42:06 2026"\n')
    ps.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(processes, "Path", lambda _: tmp_path / "absent")
    assert processes.began_at(child.pid) == "Fri Nov 27 23:42:06 2026"
    assert processes.is_alive(child.pid, "Fri Nov 27 23:42:06 2026")
    assert processes.began_at(os.getpid()) is None
    assert SystemProcesses().alive(owner(child)) is True
    assert owner(child).count(":") == 2
