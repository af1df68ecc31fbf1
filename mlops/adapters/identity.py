"""The person at work: proven by the lake server where it has users of its own, else claimed."""

from __future__ import annotations

import getpass
import socket
import subprocess
from collections.abc import Callable

from mlops.runs.approval import CLAIMED, PROVEN
from mlops.runs.errors import bounded

MAX_NAME = 100


def who_works(given: str, proven: Callable[[], str] = lambda: "") -> str:
    """Return the person at work, as ``proven:NAME`` or ``claimed:NAME``.

    Args:
        given: The name from the settings; empty for Git's or the machine's.
        proven: Returns the user whom the lake server authenticated; empty where it has a single account.
    """
    user = _plain(proven())
    return f"{PROVEN}{user}" if user else f"{CLAIMED}{_plain(given) or _git_user() or _machine_user()}"


def _git_user() -> str:
    """Return ``user.name``, else ``user.email``, of Git in the current folder; empty without either."""
    try:
        answer = subprocess.run(
            ["git", "config", "--get-regexp", r"^user\.(name|email)$"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # The nearest setting comes last.
    found: dict[str, str] = {}
    for line in answer.stdout.splitlines():
        key, _, value = line.partition(" ")
        found[key] = value
    return _plain(found.get("user.name", "")) or _plain(found.get("user.email", ""))


def _machine_user() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return _plain(f"{user}@{socket.gethostname()}")


def _plain(text: str) -> str:
    return bounded(text, MAX_NAME).strip()
