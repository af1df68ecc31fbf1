"""One server per store."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path


class StoreInUse(Exception):
    """Another process has the store open; the message names it."""


class StoreLock:
    """Holds the folder for this process until released, or until the process ends.

    Raises:
        StoreInUse: another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._fd, 1000, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise StoreInUse(f"{directory} is in use by another lake server: {owner or 'unknown'}") from None
        self.describe("")

    def describe(self, address: str) -> None:
        """Writes down who holds the folder, for whoever is refused."""
        text = json.dumps({"pid": os.getpid(), "address": address}) + "\n"
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def release(self) -> None:
        """Lets go of the folder."""
        os.close(self._fd)
