"""This machine: its clock, its processes, and fresh names."""

from __future__ import annotations

import functools
import os
import secrets
import socket
import time
from pathlib import Path


class SystemClock:
    """The clock of the machine."""

    def now_s(self) -> int:
        """Return Unix seconds."""
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class SystemProcesses:
    """Processes of this machine, as ``host:pid:started``; ``started`` tells a reused process id apart."""

    def me(self) -> str:
        """Return this process."""
        return f"{_host()}:{os.getpid()}:{_started(os.getpid())}"

    def alive(self, owner: str) -> bool | None:
        """Tell whether an owner still lives; None for one on another host, or one that cannot be read."""
        host, _, rest = owner.rpartition(":")[0].rpartition(":")
        started = owner.rpartition(":")[2]
        if host != _host() or not rest.isdigit():
            return None
        return _exists(int(rest)) and _started(int(rest)) == started


def nonce() -> str:
    """Return a fresh name of twelve hexadecimal digits."""
    return secrets.token_hex(6)


@functools.cache
def _host() -> str:
    # A restarted container keeps its host name and starts with low process ids: the boot id tells it apart.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        boot = ""
    return "-".join(filter(None, (socket.gethostname().replace(":", "_"), boot)))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    """Return when a process was started, in clock ticks since boot; 0 where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "0"
    fields = stat.rpartition(")")[2].split()
    return "0" if fields[0] == "Z" else fields[19]
