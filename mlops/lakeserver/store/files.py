"""The only place where the store touches files of its own making, so that a test can take its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Protocol


class Files(Protocol):
    """The file system interface of the store; `sync` and `sync_dir` return when the data is on disk."""

    def create(self, path: Path) -> BinaryIO:
        """Return a new file, open for writing."""
        ...

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        """Appends all of `data`."""
        ...

    def sync(self, file: BinaryIO) -> None:
        """Make what was written to `file` durable."""
        ...

    def sync_dir(self, path: Path) -> None:
        """Make the names in the directory durable."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give the file another name, replacing what has it."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the file if it is there."""
        ...

    def make_dir(self, path: Path) -> None:
        """Creates the directory (mode 700) and its parents where they are missing."""
        ...


class DiskFiles:
    """Files on disk.

    Args:
        durable: whether `sync` and `sync_dir` wait for the disk.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._durable = durable

    def create(self, path: Path) -> BinaryIO:
        """Return a new file (mode 600), unbuffered."""
        return os.fdopen(
            os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b", buffering=0
        )

    def write(self, file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
        """Write until everything is written."""
        view = memoryview(data)
        while view:
            view = view[file.write(view) or 0 :]

    def sync(self, file: BinaryIO) -> None:
        """`fsync`, unless not durable."""
        if self._durable:
            os.fsync(file.fileno())

    def sync_dir(self, path: Path) -> None:
        """`fsync` of the directory, unless not durable."""
        if not self._durable:
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """`rename(2)`."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """`unlink(2)`."""
        path.unlink(missing_ok=True)

    def make_dir(self, path: Path) -> None:
        """`mkdir -p`, mode 700."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
