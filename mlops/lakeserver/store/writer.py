"""The one thread that writes: what waits goes into one transaction, so that many writers share one sync."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic, TypeVar

from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.store.database import Database, translated
from mlops.lakeserver.store.files import Files

T = TypeVar("T")

MAX_BATCH = 512
_SEQ_BITS = 40


class Transaction:
    """The context of a write.

    Attributes:
        execute: runs a statement in the transaction.
        executemany: runs a statement for many rows.
    """

    def __init__(self, connection: sqlite3.Connection, files: Files, first_seq: int) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self._files = files
        self._seq = first_seq
        self._dirs: set[Path] = set()

    def next_seq(self) -> int:
        """Return a number larger than all before."""
        self._seq += 1
        return self._seq

    def rename(self, source: Path, target: Path) -> None:
        """Renames a file; the name is durable when the transaction is."""
        self._files.rename(source, target)
        self._dirs.add(target.parent)

    def sync_dirs(self) -> None:
        """Make the renames durable."""
        for path in self._dirs:
            self._files.sync_dir(path)
        self._dirs.clear()


class _Job(Generic[T]):
    __slots__ = ("alone", "future", "work")

    def __init__(self, work: Callable[[Transaction], T], *, alone: bool) -> None:
        self.work = work
        self.alone = alone
        self.future: Future[T] = Future()


class Writer:
    """Runs functions inside write transactions, in the order in which they come.

    A function's result is given to its caller after the transaction that holds it is durable. A function
    that raises leaves nothing behind; it may be run twice, so it has no effects but its transaction's.

    Args:
        epoch: the number of this opening of the store; nothing is written once the store has another.
        check_held: raises where this process does not have the store any more.
    """

    def __init__(
        self, database: Database, files: Files, epoch: int, check_held: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._connection = connection = database.writer
        self._epoch = str(epoch)
        self._check_held = check_held
        self._tx = Transaction(connection, files, epoch << _SEQ_BITS)
        self._queue: list[_Job[Any]] = []
        self._ready = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="lake-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Transaction], T], *, alone: bool = False) -> Future[T]:
        """Has `work` run; the future is done when it is durable.

        Args:
            work: what is done in the transaction.
            alone: it shares its transaction with no other, so that it may do what cannot be rolled back.
        """
        job = _Job(work, alone=alone)
        with self._ready:
            if self._stopping:
                raise RuntimeError("the store is closed")
            self._queue.append(job)
            self._ready.notify()
        return job.future

    def stop(self) -> None:
        """Write what is queued and ends the thread."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        self._database.read_by_writer()
        while True:
            with self._ready:
                while not self._queue and not self._stopping:
                    self._ready.wait()
                batch = self._next_batch()
            if not batch:
                return
            self._write(batch)

    def _next_batch(self) -> list[_Job[Any]]:
        """Take what comes first off the queue, up to a job that has to be alone."""
        size = next((at for at, job in enumerate(self._queue[:MAX_BATCH]) if job.alone), MAX_BATCH) or 1
        batch, self._queue = self._queue[:size], self._queue[size:]
        return batch

    def _write(self, batch: list[_Job[Any]]) -> None:
        """Write the batch in one transaction; where one job fails halfway, each in its own."""
        results: list[tuple[_Job[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._check_alone()
            for job in batch:
                before = self._connection.total_changes
                try:
                    results.append((job, job.work(self._tx), None))
                except BaseException as error:
                    if self._connection.total_changes != before or not self._connection.in_transaction:
                        raise
                    results.append((job, None, translated(error)))
            self._tx.sync_dirs()
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if len(batch) == 1:
                _settle(batch[0], None, translated(error))
            else:
                for job in batch:
                    self._write([job])
            return
        for job, result, failure in results:
            _settle(job, result, failure)

    def _check_alone(self) -> None:
        """Raise where another server has opened the store since this one did."""
        self._check_held()
        row = self._connection.execute("SELECT value FROM settings WHERE name = 'epoch'").fetchone()
        if row is None or str(row[0]) != self._epoch:
            raise StorageDamaged(
                "another lake server has opened this store: nothing is written any more; stop one of the two"
            )

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _settle(job: _Job[Any], result: Any, failure: BaseException | None) -> None:
    if failure is None:
        job.future.set_result(result)
    else:
        job.future.set_exception(failure)
