"""Values on their way to and from a store: as bytes, with size, checksum and address."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

#: Writes a value to a binary stream that cannot seek.
Dump = Callable[[BinaryIO], None]

#: From this size on a piece is hashed in a thread of its own.
_LARGE_BYTES = 1 << 18

#: The bytes of a value as they were read; of a file they are mapped, not copied.
Content = bytes | memoryview


@dataclass(frozen=True)
class Stored:
    """A value that was written whole.

    Attributes:
        uri: Its address.
        size_bytes: Its size.
        checksum: ``md5:<hexadecimal>`` of its bytes.
        link: Page or file that shows it.
        branch: The run's branch; empty in a folder.
        commit: A commit that holds it; empty in a folder.
    """

    uri: str
    size_bytes: int
    checksum: str
    link: str
    branch: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Loaded:
    """The bytes of a value.

    Attributes:
        uri: The address that they were read from; in a lake it names a commit.
        content: The bytes.
        commit: The commit that they were read from; empty in a folder.
    """

    uri: str
    content: Content
    commit: str = ""


class Store(Protocol):
    """A place for the values of one run."""

    def write(self, path: str, dump: Dump, *, title: str, metadata: Mapping[str, str]) -> Stored:
        """Write a value: either all of it can be read afterwards, or nothing of it."""
        ...

    def read(self, path: str) -> Loaded:
        """Return the bytes of a value; raise `NotStored` where there is none."""
        ...


class Measured(io.RawIOBase):
    """A stream that knows size and MD5 of what went through; a context, for large values are hashed aside.

    Encoders such as Parquet's leave Python's lock while they work: hashing then costs no time of its own.
    """

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._aside: ThreadPoolExecutor | None = None
        self.size_bytes = 0

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: Any) -> int:
        """Hand bytes on."""
        piece = data if isinstance(data, bytes) else bytes(data)
        self._raw.write(piece)
        self.size_bytes += len(piece)
        if self._aside is None and len(piece) >= _LARGE_BYTES:
            self._aside = ThreadPoolExecutor(1, thread_name_prefix="md5")
        if self._aside is None:
            self._md5.update(piece)
        else:
            # One thread takes the pieces in their order.
            self._aside.submit(self._md5.update, piece)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes went through."""
        return self.size_bytes

    def close(self) -> None:
        """Stop hashing aside; the stream below stays open."""
        if self._aside is not None:
            self._aside.shutdown()
        super().close()

    def md5(self) -> str:
        """Return the MD5 of what went through, hexadecimal; nothing may be written afterwards."""
        if self._aside is not None:
            self._aside.shutdown()
        return self._md5.hexdigest()
