from __future__ import annotations

import errno
import sqlite3
import threading
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlops.lakeserver.errors import BadRequest, Gone, StorageDamaged, StorageFull
from mlops.lakeserver.store import Store, Transaction
from mlops.lakeserver.store.blobs import INLINE_BYTES
from mlops.lakeserver.store.database import FormatMismatch
from mlops.lakeserver.store.files import DiskFiles
from mlops.lakeserver.store.lock import StoreInUse


@pytest.fixture
def store(data_dir: Path) -> Any:
    opened = Store(data_dir)
    yield opened
    opened.close()


def keep(store: Store, body: bytes) -> bytes:
    with store.blobs.upload() as upload:
        for at in range(0, len(body), 10_000):
            upload.write(body[at : at + 10_000])
        upload.finish()
        store.write(lambda tx: upload.store(tx, store.blobs))
        assert upload.size_bytes == len(body)
        return upload.digest


def read(store: Store, digest: bytes) -> bytes:
    data = store.blobs.open(store.database.reader, digest)
    if isinstance(data, bytes):
        return data
    with data:
        return data.read()


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES * 3 + 7])
def test_bytes_come_back_also_after_a_restart(data_dir: Path, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    store = Store(data_dir)
    digest = keep(store, body)
    assert keep(store, body) == digest
    store.close()
    store = Store(data_dir)
    assert read(store, digest) == body
    assert not list((data_dir / "objects" / "incoming").iterdir())
    store.close()


def test_a_second_server_is_told_who_has_the_folder(store: Store, data_dir: Path) -> None:
    store.lock.describe("http://127.0.0.1:1")
    with pytest.raises(StoreInUse, match=r"127\.0\.0\.1:1"):
        Store(data_dir)


def test_a_store_of_another_form_is_refused(data_dir: Path) -> None:
    Store(data_dir).close()
    connection = sqlite3.connect(data_dir / "lake.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FormatMismatch, match="store format 99"):
        Store(data_dir)


@pytest.mark.parametrize("content", [b"this is not a database at all, it is text" * 50, None])
def test_a_file_that_is_no_store_is_refused(data_dir: Path, content: bytes | None) -> None:
    data_dir.mkdir()
    if content is None:
        connection = sqlite3.connect(data_dir / "lake.sqlite")
        connection.execute("CREATE TABLE other (x)")
        connection.close()
    else:
        (data_dir / "lake.sqlite").write_bytes(content)
    with pytest.raises(FormatMismatch, match="not a lake store"):
        Store(data_dir)
    (data_dir / "lake.sqlite").unlink()
    Store(data_dir).close()


def test_the_folder_is_for_its_owner_alone(store: Store, data_dir: Path) -> None:
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert (data_dir / "lock").stat().st_mode & 0o777 == 0o600


def set_number(number: int) -> Any:
    return lambda tx: tx.execute("INSERT INTO settings VALUES (?, '1')", (f"n{number}",)) and None


def numbers(store: Store) -> set[int]:
    rows = store.database.reader.execute("SELECT name FROM settings WHERE name LIKE 'n%'")
    return {int(row[0][1:]) for row in rows}


def test_a_failure_takes_nothing_else_with_it(store: Store) -> None:
    held, go = threading.Event(), threading.Event()

    def wait(_: Transaction) -> None:
        held.set()
        go.wait(10)

    def half(tx: Transaction) -> None:
        set_number(100)(tx)
        raise BadRequest("half done")

    blocker = store.submit(wait)
    held.wait(10)
    # Everything from here on is in one batch.
    futures = [store.submit(set_number(number)) for number in range(5)]
    refused = store.submit(lambda _: (_ for _ in ()).throw(BadRequest("nothing done")))
    failed = store.submit(half)
    futures += [store.submit(set_number(number)) for number in range(5, 10)]
    go.set()
    blocker.result()
    for future in futures:
        future.result()
    for future, text in ((refused, "nothing done"), (failed, "half done")):
        with pytest.raises(BadRequest, match=text):
            future.result()
    assert numbers(store) == set(range(10))


def test_readers_see_one_state(store: Store) -> None:
    with store.database.snapshot() as connection:
        before = connection.execute("SELECT count(*) FROM settings").fetchone()
        store.write(set_number(1))
        with store.database.snapshot() as inner:
            assert inner.execute("SELECT count(*) FROM settings").fetchone() == before
    assert numbers(store) == {1}


def test_a_missing_object_is_gone_and_a_shortened_one_is_named(store: Store) -> None:
    digest = keep(store, b"x" * INLINE_BYTES * 2)
    path = store.blobs.path(digest)
    path.write_bytes(b"x" * 10)
    with pytest.raises(StorageDamaged, match=digest.hex()):
        read(store, digest)
    path.unlink()
    with pytest.raises(Gone):
        read(store, digest)
    with pytest.raises(Gone):
        read(store, bytes(32))
    keep(store, b"x" * INLINE_BYTES * 2)
    assert read(store, digest) == b"x" * INLINE_BYTES * 2


class FullDisk(DiskFiles):
    """Has no room for files."""

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        raise OSError(errno.ENOSPC, "no space")


def test_a_full_disk_says_so_and_leaves_nothing(data_dir: Path) -> None:
    store = Store(data_dir, files=FullDisk())
    with pytest.raises(StorageFull, match="no space left"):
        keep(store, b"x" * INLINE_BYTES * 2)
    assert not list((data_dir / "objects" / "incoming").iterdir())
    store.close()


class CountingFiles(DiskFiles):
    """Notes what is asked of the disk, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def sync(self, file: BinaryIO) -> None:
        self.calls.append("sync file")
        super().sync(file)

    def rename(self, source: Path, target: Path) -> None:
        self.calls.append("rename")
        super().rename(source, target)

    def sync_dir(self, path: Path) -> None:
        self.calls.append("sync dir")
        super().sync_dir(path)


def test_a_large_object_is_on_disk_before_it_has_its_name(data_dir: Path) -> None:
    files = CountingFiles()
    store = Store(data_dir, files=files)
    files.calls.clear()
    keep(store, b"x" * INLINE_BYTES)
    assert files.calls == ["sync file", "rename", "sync dir"]
    store.close()
