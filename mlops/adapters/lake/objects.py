"""The objects of one lakeFS repository: small ones in memory, large ones as streams."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from mlops.adapters.lake.connection import PAGE, Connection, pages
from mlops.adapters.lake.errors import from_status
from mlops.adapters.lake.memory import CommitMemory
from mlops.runs.errors import InputError, NotFound, system_reason
from mlops.runs.names import check_repository
from mlops.runs.ports import ObjectStat

#: Objects up to this size are read without touching the disk.
SPOOL_BYTES = 16 << 20

_META_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")
_META_VALUE = re.compile(r"[\x20-\x7e]*")


class LakeObjects:
    """Reading and writing the objects of one repository."""

    def __init__(self, connection: Connection, repository: str) -> None:
        self._connection = connection
        self._repository = check_repository(repository)
        self._api = connection.api
        self._memory = CommitMemory()

    @property
    def repository(self) -> str:
        """Return the name of the repository."""
        return self._repository

    @property
    def endpoint(self) -> str:
        """Return the readable address of the server."""
        return self._connection.endpoint

    @property
    def connection(self) -> Connection:
        """Return the connection to its server."""
        return self._connection

    def read(self, ref: str, path: str) -> bytes:
        """Return the content of an object (small ones: it is held in memory)."""
        found = self._memory.of(ref, ("read", path), lambda: self._read(ref, path), _content_size)
        if isinstance(found, NotFound):
            raise NotFound(found.what, where=found.where, todo=found.todo)
        return found

    def _read(self, ref: str, path: str) -> bytes | NotFound:
        """Return the content, or the error: an object missing from a commit stays missing."""
        try:
            return b"".join(self.chunks(ref, path))
        except NotFound as error:
            if error.todo:
                raise  # the repository itself is missing, and may be created later
            return error.with_traceback(None)

    def stat(self, ref: str, path: str) -> ObjectStat:
        """Return an object's size, checksum and user metadata."""
        with self._calls(ref, path):
            row = self._api.objects_api.stat_object(
                self._repository, ref, path, user_metadata=True, presign=False
            )
            return _stat(row)

    def list(self, ref: str, prefix: str = "") -> list[ObjectStat]:
        """Return all objects below ``prefix``, ascending by path."""
        return list(self._memory.of(ref, ("list", prefix), lambda: self._list(ref, prefix), _size_of))

    def _list(self, ref: str, prefix: str) -> tuple[ObjectStat, ...]:
        with self._calls(ref, prefix):
            rows = pages(
                self._api.objects_api.list_objects,
                self._repository,
                ref,
                prefix=prefix,
                user_metadata=True,
                presign=False,
            )
            return tuple(_stat(row) for row in rows)

    def write(self, branch: str, path: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Stage an object on a branch."""
        self._upload(branch, path, data, len(data), metadata or {})

    def upload(
        self, branch: str, path: str, local_file: Path, metadata: Mapping[str, str] | None = None
    ) -> ObjectStat:
        """Stage a local file as an object, as it is read.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            body = local_file.open("rb")
        except OSError as error:
            raise InputError(f"cannot be read: {system_reason(error)}", where=str(local_file)) from error
        with body:
            size_bytes = os.fstat(body.fileno()).st_size
            return self._upload(branch, path, body, size_bytes, metadata or {})

    def chunks(self, ref: str, path: str) -> Iterator[bytes]:
        """Yield the content of an object in pieces of at most 1 MiB; an answer that breaks off raises."""
        from mlops.adapters.lake.client import download

        with self._calls(ref, path):
            opened = download(self._connection.client, self._repository, ref, path)
            pieces = opened.__enter__()
        try:
            while True:
                with self._calls(ref, path):
                    piece = next(pieces, None)
                if piece is None:
                    return
                yield piece
        finally:
            opened.__exit__(None, None, None)

    def sha256(self, ref: str, path: str) -> str:
        """Return the SHA-256 of an object's content, read in pieces."""
        digest = hashlib.sha256()
        for piece in self.chunks(ref, path):
            digest.update(piece)
        return digest.hexdigest()

    def open_read(self, ref: str, path: str) -> IO[bytes]:
        """Return the content of an object as a seekable file, of which large ones lie on disk."""
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            for piece in self.chunks(ref, path):
                spool.write(piece)
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    def download(self, ref: str, path: str, local_file: Path) -> None:
        """Write an object to a local file; the file appears whole or not at all."""
        local_file.parent.mkdir(parents=True, exist_ok=True)
        part = local_file.with_name(f"{local_file.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as out:
                for piece in self.chunks(ref, path):
                    out.write(piece)
            part.replace(local_file)
        finally:
            part.unlink(missing_ok=True)

    def remove(self, branch: str, paths: Sequence[str]) -> None:
        """Stage the removal of objects; ones that do not exist are no error."""
        from lakefs_sdk.models.path_list import PathList

        for start in range(0, len(paths), PAGE):
            with self._calls(branch):
                batch = PathList(paths=list(paths[start : start + PAGE]))
                answer = self._api.objects_api.delete_objects(self._repository, branch, batch)
            for row in answer.errors or ():
                raise self._refused(row.status_code, row.message, branch, row.path or "")

    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        """Stage a copy of an object of the commit ``source``, inside the server."""
        from lakefs_sdk.models.object_copy_creation import ObjectCopyCreation

        with self._calls(branch, path):
            creation = ObjectCopyCreation(src_path=source_path, src_ref=source)
            self._api.objects_api.copy_object(self._repository, branch, path, creation)

    def _calls(self, ref: str, path: str = "") -> AbstractContextManager[None]:
        return self._connection.calls("/".join(part for part in (self._repository, ref, path) if part))

    def _refused(self, status: int, message: str, ref: str, path: str) -> Exception:
        body = json.dumps({"message": message})
        return from_status(status, None, body, f"{self._repository}/{ref}/{path}", self.endpoint)

    def _upload(
        self, branch: str, path: str, body: bytes | IO[bytes], size_bytes: int, metadata: Mapping[str, str]
    ) -> ObjectStat:
        from mlops.adapters.lake.client import upload

        for key, value in metadata.items():
            # They travel as HTTP headers, whose names lakeFS returns in lower case.
            if not _META_KEY.fullmatch(key) or not _META_VALUE.fullmatch(value):
                raise InputError("object metadata is lower-case names and plain ASCII values", where=key)
        with self._calls(branch, path):
            client = self._connection.client
            stats = upload(client, self._repository, branch, path, body, size_bytes, metadata)
            return ObjectStat(stats["path"], stats["size_bytes"], stats["checksum"], dict(metadata))


def _stat(row: Any) -> ObjectStat:
    return ObjectStat(row.path, row.size_bytes or 0, row.checksum, dict(row.metadata or {}))


def _content_size(found: bytes | NotFound) -> int:
    return 500 + (len(found) if isinstance(found, bytes) else 0)


def _size_of(stats: Sequence[ObjectStat]) -> int:
    return 500 * len(stats)
