"""Look-up of the user of this machine that opened a connection, where the system shows it (Linux).

Browsers send a cookie to every port of a host, so a server of another user on 127.0.0.1 receives the door's
session cookie when it is visited. A session therefore belongs to the user whose connection opened it.
"""

from __future__ import annotations

import sys
from pathlib import Path

KNOWN = sys.platform == "linux"

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_GONE = "0"


def user_of(client_port: int, door_port: int) -> int | None:
    """Return the user id of the other end of a loopback connection; None where it cannot be told.

    A connection whose program has ended belongs to nobody any more.

    Args:
        client_port: Port of the other end.
        door_port: Port of this end.
    """
    wanted = (f":{client_port:04X}", f":{door_port:04X}")
    for table in _TABLES:
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            here, there = fields[1], fields[2]
            if (here[-5:], there[-5:]) == wanted and _is_loopback(here) and _is_loopback(there):
                return int(fields[7]) if fields[9] != _GONE else None
    return None


def _is_loopback(address: str) -> bool:
    """Return whether an address is in 127.0.0.0/8; the system writes its four bytes in its own order."""
    digits = address.partition(":")[0][-8:]
    return (digits[-2:] if sys.byteorder == "little" else digits[:2]) == "7F"
