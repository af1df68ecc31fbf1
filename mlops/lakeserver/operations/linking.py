"""Objects whose bytes did not come through the API."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import replace
from pathlib import Path

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.grammar.names import check_branch
from mlops.lakeserver.operations.lake import Lake, repository
from mlops.lakeserver.operations.writes import entry_at_address, put_entry, store_upload
from mlops.lakeserver.store.records import Repository
from mlops.lakeserver.trees.entries import Entry

_CHUNK_BYTES = 1 << 20
_VALID_S = 24 * 3600
_ISSUED = re.compile(r"([0-9a-f]{32}-[0-9a-f]{1,12})-([0-9a-f]{32})")


def _folder(lake: Lake) -> Path:
    return lake.store.directory.resolve() / "linked"


def new_address(lake: Lake, name: str, branch_name: str, path: str) -> str:
    """Return a place on this machine to which a client may write an object's bytes, for this branch and path.

    As in lakeFS, the branch need not exist yet.
    """
    repository(lake.store.database.reader.execute, name)
    folder = _folder(lake)
    folder.mkdir(mode=0o700, exist_ok=True)
    token = f"{secrets.token_hex(16)}-{lake.now():x}"
    return f"local://{folder}/{token}-{_signature(lake, name, branch_name, path, token)}"


def _signature(lake: Lake, name: str, branch_name: str, path: str, token: str) -> str:
    signed = json.dumps(["link", name, branch_name, path, token]).encode()
    return hmac.new(lake.store.secret, signed, hashlib.sha256).hexdigest()[:32]


def _check_address(lake: Lake, name: str, branch_name: str, path: str, address: str) -> Path | None:
    """Return the file of an address that `new_address` gave for this branch and path; None for one elsewhere.

    Raises:
        BadRequest: the address is one that only this server gives, and it did not, or not for this.
    """
    file = address.removeprefix(f"local://{_folder(lake)}/")
    if file == address:
        repo = repository(lake.store.database.reader.execute, name)
        if address.startswith(f"{repo.namespace}/data/"):
            raise BadRequest("address is not signed: link address invalid")
        return None
    issued = _ISSUED.fullmatch(file)
    if issued is None:
        raise BadRequest("address is not signed: link address invalid")
    token, signature = issued.groups()
    if not hmac.compare_digest(signature, _signature(lake, name, branch_name, path, token)):
        raise BadRequest("invalid address signature: invalid address")
    if lake.now() - int(token.partition("-")[2], 16) > _VALID_S:
        raise BadRequest("link address expired")
    return _folder(lake) / file


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
    """Link the bytes at `address` as an object; without bytes, reading it answers 410, as in lakeFS.

    Raises:
        BadRequest: the address is one that only this server gives, and it did not, or not for this.
    """
    written = _check_address(lake, name, branch_name, path, address)
    if not checksum:
        raise BadRequest("checksum is required")
    if written is None or written.is_symlink() or not written.is_file():
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
    """Create an object that shares the bytes at `address`.

    Raises:
        BadRequest: this store has no bytes of that address.
    """
    found = entry_at_address(lake, address, size_bytes, checksum)
    if not found.digest:
        raise BadRequest("bad path traversal blocked")
    entry = replace(found, content_type=content_type, metadata=metadata)
    entry = entry if mtime is None else replace(entry, mtime=mtime)
    return put_entry(lake, name, branch_name, path, entry, force=force)
