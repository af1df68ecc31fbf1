"""One server per store, and no store in place of one that is gone."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from mlops.lakeserver.errors import StorageDamaged

DATABASE = "lake.sqlite"
DESCRIPTION = "server.json"
_OWNER_BYTES = 1000


class StoreInUse(Exception):
    """Another process has the store open; the message names it."""


class FormatMismatch(Exception):
    """The folder holds a store that this version does not read."""


class StoreUnusable(FormatMismatch):
    """The folder holds what is left of a store; nothing in it was changed."""


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _in_use(directory: Path, owner: str) -> StoreInUse:
    return StoreInUse(f"{directory} is in use by another lake server: {owner.strip() or 'unknown'}")


class StoreLock:
    """Holds the folder for this process until released, or until the process ends.

    Raises:
        StoreInUse: another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _lock(self._fd):
                owner = os.pread(self._fd, _OWNER_BYTES, 0).decode(errors="replace")
                raise _in_use(directory, owner)
            self.describe("")
        except BaseException:
            os.close(self._fd)
            raise

    def describe(self, address: str) -> None:
        """Write down who holds the folder, for whoever is refused."""
        text = json.dumps({"pid": os.getpid(), "address": address}) + "\n"
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def release(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)


class DatabaseLock:
    """Holds the database file itself, so that deleting the lock file lets nobody else in.

    SQLite's own locks are of another kind, which these do not meet. Release it after the database is closed:
    closing any descriptor of a file ends SQLite's locks on it.

    Raises:
        StoreInUse: another process holds it.
        StoreUnusable: the file is gone or empty, and other parts of the store are there.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / DATABASE
        _refuse_remains(directory, self._path)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(self._fd):
            os.close(self._fd)
            raise _in_use(directory, _described(directory))
        state = os.fstat(self._fd)
        self._identity = state.st_dev, state.st_ino

    def check(self) -> None:
        """Check that the file that is held is still the one of that name.

        Raises:
            StorageDamaged: it was moved, deleted or replaced.
        """
        try:
            state = os.stat(self._path)  # noqa: PTH116 - it is asked for at every commit
        except FileNotFoundError:
            state = None
        if state is None or (state.st_dev, state.st_ino) != self._identity:
            raise StorageDamaged(
                f"{self._path} was moved, deleted or replaced while this server had it: nothing is written "
                "any more; stop the server and put the file back"
            )

    def release(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def _described(directory: Path) -> str:
    """Return what the server that holds the store recorded about itself."""
    try:
        return (directory / DESCRIPTION).read_text(errors="replace")[:_OWNER_BYTES]
    except OSError:
        return ""


def _refuse_remains(directory: Path, database: Path) -> None:
    """Refuse a new database beside old objects: it would be a new store without their records."""
    if database.is_file() and database.stat().st_size:
        return
    remains = [name for name in ("objects", "linked", "dumps") if (directory / name).is_dir()]
    log = database.with_name(f"{DATABASE}-wal")
    if log.is_file() and log.stat().st_size:
        remains.append(log.name)
    if remains:
        state = "is empty" if database.exists() else "is missing"
        raise StoreUnusable(
            f"{database} {state}, but other parts of a store are there ({', '.join(remains)}): put the "
            "database back from a backup, or name another folder; nothing was changed"
        )
