"""Processes of this machine: whether one lives, and when it began, which tells a reused process id apart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ENDED = {"Z", "X"}


def is_alive(pid: int, began: str) -> bool:
    """Return whether the process with this id and start time is still running.

    Args:
        pid: Its id.
        began: What `began_at` said of it; empty where that is unknown, so that only the id is looked at.
    """
    return began_at(pid) == began if began else _exists(pid)


def began_at(pid: int) -> str | None:
    """Return when a process began, or None if it is gone; only equality means anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None if Path("/proc/self/stat").exists() else _began_by_ps(pid)
    # The program's name, in parentheses, can hold anything.
    state, *rest = fields.rpartition(")")[2].split()
    return None if state in _ENDED else rest[18]


def _began_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() or None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
