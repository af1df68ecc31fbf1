"""The store: metadata, trees and small objects in SQLite, large objects as files.

Operations and the server import it; it knows nothing of HTTP or of the API. Start with `Store` here, then
`writer`, which groups commits, and `schema`.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from mlops.lakeserver.store.blobs import Blobs
from mlops.lakeserver.store.database import Database, unusable
from mlops.lakeserver.store.files import DiskFiles, Files
from mlops.lakeserver.store.lock import DATABASE, DatabaseLock, StoreLock
from mlops.lakeserver.store.node_cache import NewNodes, NodeCache, Removed, removals
from mlops.lakeserver.store.writer import Transaction, Writer

T = TypeVar("T")


class Store:
    """A folder with everything in it, held by this process alone until closed.

    Args:
        directory: created (mode 700) if it is not there.
        durable: whether a write returns only when it is on disk.
        files: what stands between the store and the file system.

    Attributes:
        maintenance: held while the whole store is looked at.

    Raises:
        StoreInUse: another process holds the folder.
        FormatMismatch: the folder holds a store of another form, or what is left of one.
    """

    def __init__(self, directory: Path, *, durable: bool = True, files: Files | None = None) -> None:
        self.directory = directory
        self.maintenance = threading.Lock()
        self.files = files = files or DiskFiles(durable=durable)
        files.make_dir(directory)
        with ExitStack() as opened:
            self.lock = StoreLock(directory)
            opened.callback(self.lock.release)
            held = DatabaseLock(directory)
            opened.callback(held.release)
            self.database = Database(directory / DATABASE, durable=durable)
            opened.callback(self.database.close)
            # Its name is on disk before anything else of the store is there.
            files.sync_dir(directory)
            self.secret, epoch = self._begin()
            self.blobs = Blobs(files, directory / "objects")
            opened.callback(self.blobs.close)
            self.nodes = NodeCache(self.database)
            self.writer = Writer(self.database, files, epoch, held.check)
            opened.callback(self.writer.stop)
            self._opened = opened.pop_all()

    def _begin(self) -> tuple[bytes, int]:
        """Record that the store was opened; return its secret, and a number that no earlier opening had.

        Raises:
            StoreUnusable: the disk is full, or the database damaged.
        """
        connection = self.database.writer
        try:
            connection.execute(
                "INSERT OR IGNORE INTO settings VALUES ('secret', ?)", (secrets.token_hex(32),)
            )
            connection.execute(
                "INSERT OR IGNORE INTO settings SELECT 'created', "
                "coalesce(min(created), unixepoch()) FROM repositories"
            )
            connection.execute(
                "INSERT INTO settings VALUES ('epoch', '1') "
                "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
            )
            return bytes.fromhex(self.setting("secret")), int(self.setting("epoch"))
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise unusable(self.directory / DATABASE, error) from error

    def setting(self, name: str) -> str:
        """Return a setting of the store, or ''."""
        row = self.database.reader.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Run `work` in a write transaction; the future is done when it is durable."""
        return self.writer.submit(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` inside a write transaction; return when durable; never call it on the event loop."""
        return self.submit(work).result()

    def write_alone(self, work: Callable[[Transaction], T]) -> T:
        """As `write`, in a transaction of its own: `work` may do what cannot be rolled back."""
        return self.writer.submit(work, alone=True).result()

    def new_nodes(self) -> NewNodes:
        """Return a place for the nodes that an operation makes of what it reads from now on."""
        return NewNodes(self.nodes, removals(self.database.reader.execute))

    def close(self) -> None:
        """Write what is queued and lets go of the folder."""
        self._opened.close()


__all__ = ["NewNodes", "Removed", "Store", "Transaction"]
