"""A local folder as a store: one state for all runs, and whole files only."""

from __future__ import annotations

import mmap
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops.orchestration.lake.errors import NotStored
from mlops.orchestration.lake.values import Dump, Loaded, Measured, Stored


@dataclass(frozen=True)
class FolderStore:
    """Values in a local folder: written beside their name, then renamed.

    Attributes:
        folder: The folder; it is created when a value is written.
    """

    folder: Path

    def write(self, path: str, dump: Dump, *, title: str, metadata: Mapping[str, str]) -> Stored:
        """Write a value; its name appears when all its bytes are on disk."""
        del title, metadata
        file = (self.folder / path).absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with part.open("xb") as raw, Measured(raw) as measured:
                dump(measured)  # pyright: ignore[reportArgumentType] - a stream for writing
                checksum = f"md5:{measured.md5()}"
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        return Stored(file.as_uri(), measured.size_bytes, checksum, str(file))

    def read(self, path: str) -> Loaded:
        """Return the bytes of a value."""
        file = (self.folder / path).absolute()
        try:
            with file.open("rb") as opened:
                # The file may be replaced while this is in use, but never changed.
                empty = not os.fstat(opened.fileno()).st_size
                mapped = b"" if empty else memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
                return Loaded(file.as_uri(), mapped)
        except FileNotFoundError:
            raise NotStored(f"{file} is not there: materialize it first") from None
