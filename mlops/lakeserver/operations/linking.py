"""Objects whose bytes did not come through the API."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from mlops.lakeserver.entries import Entry
from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.names import check_branch, check_path
from mlops.lakeserver.operations.lake import Lake, branch, repository
from mlops.lakeserver.operations.writes import entry_at_address, put_entry, store_upload
from mlops.lakeserver.records import Repository

_CHUNK_BYTES = 1 << 20


def _folder(lake: Lake) -> Path:
    return lake.store.directory.resolve() / "linked"


def new_address(lake: Lake, name: str, branch_name: str, path: str) -> str:
    """A place on this machine to which a client may write an object's bytes."""
    check_path(path)
    execute = lake.store.database.reader.execute
    branch(execute, repository(execute, name), check_branch(branch_name))
    folder = _folder(lake)
    folder.mkdir(mode=0o700, exist_ok=True)
    return f"local://{folder}/{secrets.token_hex(16)}"


def _written_file(lake: Lake, address: str) -> Path | None:
    """The file that a client wrote to an address of `new_address`; None for any other address."""
    prefix = f"local://{_folder(lake)}/"
    name = address.removeprefix(prefix)
    if name == address or len(name) != 32 or not all(char in "0123456789abcdef" for char in name):
        return None
    path = _folder(lake) / name
    return path if path.is_file() and not path.is_symlink() else None


def link(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    address: str,
    *,
    checksum: str,
    size_bytes: int,
    mtime: int | None,
    content_type: str,
    metadata: dict[str, str],
    if_absent: bool = False,
    force: bool = False,
) -> tuple[Repository, Entry]:
    """What was written to `address` is an object; one without bytes answers 410 when read, as in lakeFS."""
    written = _written_file(lake, address)
    if written is None:
        entry = replace(
            entry_at_address(lake, address, size_bytes, checksum),
            content_type=content_type,
            metadata=metadata,
        )
        entry = entry if mtime is None else replace(entry, mtime=mtime)
        return put_entry(lake, name, branch_name, path, entry, if_absent=if_absent, force=force)
    check_branch(branch_name, "name")
    with lake.store.blobs.upload() as upload:
        with written.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                upload.write(chunk)
        upload.finish()
        stored = store_upload(
            lake,
            name,
            branch_name,
            path,
            upload,
            content_type=content_type,
            metadata=metadata,
            if_absent=if_absent,
            force=force,
        ).result()
    written.unlink(missing_ok=True)
    return stored


def stage(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    address: str,
    *,
    checksum: str,
    size_bytes: int,
    mtime: int | None,
    content_type: str,
    metadata: dict[str, str],
    force: bool = False,
) -> tuple[Repository, Entry]:
    """The bytes at `address` are an object too; they are shared, not copied.

    Raises:
        BadRequest: this store has no bytes of that address.
    """
    found = entry_at_address(lake, address, size_bytes, checksum)
    if not found.digest:
        raise BadRequest("bad path traversal blocked")
    entry = replace(found, content_type=content_type, metadata=metadata)
    entry = entry if mtime is None else replace(entry, mtime=mtime)
    return put_entry(lake, name, branch_name, path, entry, force=force)
