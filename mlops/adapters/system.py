"""This machine: its clock, its processes, and fresh names."""

from __future__ import annotations

import functools
import os
import secrets
import socket
import time
from pathlib import Path

from mlops.adapters import processes


class SystemClock:
    """The clock of the machine."""

    def now_s(self) -> int:
        """Return Unix seconds."""
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


#: Stands in an owner where the system did not tell when the process began.
_UNKNOWN = "0"


class SystemProcesses:
    """Processes of this machine, as ``host:pid:began``; ``began`` tells a reused process id apart."""

    def me(self) -> str:
        """Return this process."""
        return f"{_host()}:{os.getpid()}:{_began(os.getpid())}"

    def alive(self, owner: str) -> bool | None:
        """Return whether an owner is still running; None for one on another host or an unreadable one."""
        rest, _, began = owner.rpartition(":")
        host, _, pid = rest.rpartition(":")
        if host != _host() or not pid.isdigit():
            return None
        return processes.is_alive(int(pid), "") and began in (_UNKNOWN, _began(int(pid)))


def _began(pid: int) -> str:
    # Some systems tell it as a date, whose colons would be taken for those of an owner.
    return "".join((processes.began_at(pid) or _UNKNOWN).split()).replace(":", "")


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
