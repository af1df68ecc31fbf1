"""Object bytes, addressed by their BLAKE2b-256: small ones in the database, larger ones as files."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from mlops.lakeserver.errors import Gone, StorageDamaged
from mlops.lakeserver.store.database import translated
from mlops.lakeserver.store.files import Files
from mlops.lakeserver.store.writer import Transaction

INLINE_BYTES = 64 * 1024
CHECKED_BYTES = 1 << 20
DIGEST_BYTES = 32
# From here on, computing two hashes at once costs less than handing one of them to another thread.
_HASHED_APART_BYTES = 256 * 1024
_HASHERS = 4


class Upload:
    """Bytes on their way in; in memory while they are few, in a file of its own from then on.

    Use it as a context manager: what is not stored when it ends leaves nothing behind.

    Attributes:
        size_bytes: how many bytes came so far.
    """

    def __init__(self, files: Files, directory: Path, hashers: Executor) -> None:
        self._files = files
        self._directory = directory
        self._hashers = hashers
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._blake = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.size_bytes = 0

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._files.remove(self._path)

    @property
    def in_memory(self) -> bool:
        """Return whether `write` does not touch the disk yet."""
        return self._file is None

    def write(self, data: bytes) -> None:
        """Take more bytes."""
        self.size_bytes += len(data)
        if len(data) < _HASHED_APART_BYTES:
            self._md5.update(data)
            self._keep(data)
            return
        apart = self._hashers.submit(self._md5.update, data)
        try:
            self._keep(data)
        finally:
            apart.result()

    def _keep(self, data: bytes) -> None:
        self._blake.update(data)
        try:
            if self._file is None:
                self._memory += data
                if len(self._memory) < INLINE_BYTES:
                    return
                self._path = self._directory / secrets.token_hex(16)
                self._file = self._files.create(self._path)
                data, self._memory = bytes(self._memory), bytearray()
            self._files.write(self._file, data)
        except OSError as error:
            raise translated(error) from error

    def finish(self) -> None:
        """Make the bytes durable where they are a file."""
        if self._file is not None:
            try:
                self._files.sync(self._file)
            except OSError as error:
                raise translated(error) from error

    @property
    def checksum(self) -> str:
        """MD5, in hex."""
        return self._md5.hexdigest()

    @property
    def digest(self) -> bytes:
        """BLAKE2b-256."""
        return self._blake.digest()

    def store(self, tx: Transaction, blobs: Blobs) -> None:
        """Keep the bytes as part of the transaction."""
        digest = self.digest
        if self._path is None:
            tx.execute(
                "INSERT OR IGNORE INTO blobs (digest, size, body) VALUES (?, ?, ?)",
                (digest, self.size_bytes, bytes(self._memory)),
            )
            return
        target = blobs.path(digest)
        known = tx.execute("SELECT body IS NULL FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if known is None or (known[0] and not target.exists()):
            if self._path.exists():
                tx.rename(self._path, target)
            tx.execute(
                "INSERT OR IGNORE INTO blobs (digest, size, body) VALUES (?, ?, NULL)",
                (digest, self.size_bytes),
            )


class Blobs:
    """The bytes of a store.

    Args:
        directory: where files are; created with its 256 parts.
    """

    def __init__(self, files: Files, directory: Path) -> None:
        self._files = files
        self._hashers = ThreadPoolExecutor(_HASHERS, "lake-hash")
        self._directory = directory
        self._incoming = directory / "incoming"
        fresh = not self._incoming.is_dir()
        for part in (f"{number:02x}" for number in range(256)) if fresh else ():
            files.make_dir(directory / part)
        files.make_dir(self._incoming)
        if fresh:
            files.sync_dir(directory)
            files.sync_dir(directory.parent)
        for leftover in self._incoming.iterdir():
            files.remove(leftover)

    def upload(self) -> Upload:
        """Return a place for new bytes."""
        return Upload(self._files, self._incoming, self._hashers)

    def close(self) -> None:
        """Let go of its threads."""
        self._hashers.shutdown()

    def path(self, digest: bytes) -> Path:
        """Return the path of a large object's bytes."""
        name = digest.hex()
        return self._directory / name[:2] / name[2:]

    def paths(self) -> Iterator[Path]:
        """The files there are, whether or not they belong to something."""
        for part in self._directory.iterdir():
            if part != self._incoming:
                yield from part.iterdir()

    def size(self, connection: sqlite3.Connection, digest: bytes) -> int | None:
        """Return the size of an object, or None where it is missing."""
        row = connection.execute("SELECT size FROM blobs WHERE digest = ?", (digest,)).fetchone()
        return row[0] if row else None

    def open(self, connection: sqlite3.Connection, digest: bytes) -> bytes | BinaryIO:
        """Return the bytes, or an open file of them where they are many.

        Raises:
            Gone: there are none.
            StorageDamaged: they are not what was stored; of many bytes, only how many they are is looked at.
        """
        row = connection.execute("SELECT size, body FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise Gone("No data")
        size, body = row
        if body is not None:
            return _checked(digest, body)
        try:
            file = self.path(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise Gone("No data") from None
        except OSError as error:
            raise translated(error) from error
        found = file.seek(0, 2)
        if found != size:
            file.close()
            raise StorageDamaged(f"object {digest.hex()} has {found} bytes, {size} were stored")
        file.seek(0)
        if size > CHECKED_BYTES:
            return file
        with file:
            return _checked(digest, file.read(size))


def _checked(digest: bytes, body: bytes) -> bytes:
    if hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest() != digest:
        raise StorageDamaged(f"object {digest.hex()}: its bytes are not what was stored")
    return body
