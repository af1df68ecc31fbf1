"""SQLite under the store: one connection that writes, one per thread that reads."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops.lakeserver.errors import LakeError, StorageDamaged, StorageFull
from mlops.lakeserver.store.lock import FormatMismatch, StoreUnusable
from mlops.lakeserver.store.schema import APPLICATION_ID, FORMAT_VERSION, TABLES, UPGRADED_VERSIONS

_BUSY_TIMEOUT_S = 30.0
_CACHE_KIB = 4_096


class Database:
    """The metadata file of a store, created if it is not there, upgraded where it is of an older version.

    Args:
        path: the SQLite file.
        durable: whether a commit waits for the disk.

    Raises:
        FormatMismatch: the file is something else, or of a version that cannot be upgraded.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path = path
        self._durable = durable
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[sqlite3.Connection] = []
        try:
            self.writer = self._connect()
            self._prepare()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # Some of SQLite's messages quote what it found in the file.
            self.close()
            raise unusable(path, error) from error
        except BaseException:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        with self._lock:
            self._open.append(connection)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'OFF'}")
        return connection

    def _prepare(self) -> None:
        version = self.writer.execute("PRAGMA user_version").fetchone()[0]
        application = self.writer.execute("PRAGMA application_id").fetchone()[0]
        tables = self.writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0 and application == 0:
            self.writer.execute("PRAGMA page_size = 8192")
            self.writer.execute("PRAGMA journal_mode = WAL")
            self.writer.executescript(
                f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; "
                f"PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
            )
        elif application != APPLICATION_ID:
            raise FormatMismatch(f"{self._path} is not a lake store")
        elif version in UPGRADED_VERSIONS:
            self.writer.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        elif version != FORMAT_VERSION:
            raise FormatMismatch(
                f"{self._path} has store format {version}, this version reads {FORMAT_VERSION}: "
                "use the version of the server that wrote it"
            )
        self.writer.execute("PRAGMA journal_mode = WAL")
        self.writer.execute("PRAGMA wal_autocheckpoint = 4000")

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading; single statements see one state."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
        return connection

    def read_by_writer(self) -> None:
        """Let this thread read the uncommitted state of its own transaction."""
        self._local.connection = self.writer

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, on which all statements see one state; it may be nested."""
        connection = self.reader
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close all connections; no thread may use one any more."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()


def unusable(path: Path, error: Exception) -> FormatMismatch:
    """Return the reason why a store cannot be opened, and the next step."""
    known, why = translated(error), " ".join(str(error).split())
    if isinstance(known, StorageFull):
        return StoreUnusable(f"{path} cannot be opened: {known.message}; make room, and start again")
    if "not a database" in why:
        return FormatMismatch(f"{path} is not a lake store: {why}")
    return StoreUnusable(f"{path} cannot be used: {why}; if it is damaged, put it back from a backup")


def translated(error: BaseException) -> BaseException:
    """Return the error as clients may see it: full and damaged disks by name, our own as they are."""
    if isinstance(error, LakeError):
        return error
    full = StorageFull("no space left on the server's disk")
    if isinstance(error, sqlite3.DatabaseError):
        text = str(error)
        if "full" in text:
            return full
        known = any(part in text for part in ("malformed", "not a database", "readonly", "I/O"))
        return StorageDamaged(f"the server's metadata cannot be used: {text}") if known else error
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return full
        return StorageDamaged(f"the server's disk failed: {error.strerror}")
    return error
