"""Ids whose order is the reverse of that in which they were made, so that lists begin with the newest."""

from __future__ import annotations

import base64
import re
import secrets
import threading
from collections.abc import Callable

_ID = re.compile(r"[0-9a-v]{20}")


class NewestFirstIds:
    """Makes ids of 20 characters (base32hex), as lakeFS's run and pull request ids are.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._process = secrets.token_bytes(5)
        self._counter = secrets.randbelow(1 << 23)
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return a new id."""
        with self._lock:
            self._counter = (self._counter + 1) % (1 << 24)
            counter = self._counter
        seconds = (1 << 32) - 1 - int(self._clock()) % (1 << 32)
        raw = seconds.to_bytes(4, "big") + self._process + ((1 << 24) - 1 - counter).to_bytes(3, "big")
        return base64.b32hexencode(raw).decode().rstrip("=").lower()


def is_id(text: str) -> bool:
    """Return whether `text` can be such an id."""
    return bool(_ID.fullmatch(text))
