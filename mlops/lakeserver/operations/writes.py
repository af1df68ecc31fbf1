"""Changing a branch's uncommitted objects: uploading, linking, copying, deleting, describing."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from mlops.lakeserver.errors import (
    BadRequest,
    Forbidden,
    Gone,
    LakeError,
    MalformedRule,
    NotBuilt,
    NotFound,
    PreconditionFailed,
)
from mlops.lakeserver.grammar.names import check_branch, check_optional_path, check_path
from mlops.lakeserver.grammar.ref_expressions import check_ref
from mlops.lakeserver.operations.lake import Lake, branch, writable
from mlops.lakeserver.operations.objects import find_item
from mlops.lakeserver.operations.protection import check_unprotected
from mlops.lakeserver.operations.staging import find_visible
from mlops.lakeserver.store import Transaction, records
from mlops.lakeserver.store.blobs import Upload
from mlops.lakeserver.store.records import Branch, Repository, Staged
from mlops.lakeserver.trees.entries import DEFAULT_CONTENT_TYPE, Entry, Parts, check, decode, encode, identity
from mlops.lakeserver.trees.tree import find

PATH_EXISTS = "path already exists"

_ADDRESS = re.compile(r"/data/([0-9a-f]{20})/([0-9a-f]{64})")


def physical_address(repo: Repository, entry: Entry | Parts) -> str:
    """Return the physical address of an object; every upload and copy has its own."""
    if entry.address:
        return entry.address
    return f"{repo.namespace}/data/{entry.nonce.hex()}/{entry.digest.hex()}"


def check_upload(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    check_headers: Callable[[], None],
    *,
    if_absent: bool,
    force: bool,
) -> None:
    """Check that an upload to the path would be taken now, so that none is received in vain.

    `check_headers` raises what is wrong with the rest of the request, which lakeFS looks at in between.

    Raises:
        NotFound: the repository or the branch does not exist.
        Forbidden: the branch is protected, or the repository read-only.
        PreconditionFailed: `if_absent`, and there is an object.
    """
    with lake.store.database.snapshot() as connection:
        repo, found = _target(connection.execute, name, branch_name, force)
        if if_absent and find_visible(connection.execute, lake.store.nodes, found, check_path(path)):
            raise PreconditionFailed(PATH_EXISTS)
        check_headers()
        check_path(path)
        check_unprotected(repo, branch_name)


def store_upload(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    upload: Upload,
    *,
    content_type: str,
    metadata: dict[str, str],
    if_absent: bool = False,
    force: bool = False,
) -> Future[tuple[Repository, Entry]]:
    """Store the uploaded bytes as an object of the branch; done when durable. Raises as `check_upload`."""
    entry = Entry(
        digest=upload.digest,
        size_bytes=upload.size_bytes,
        checksum=upload.checksum,
        mtime=lake.now(),
        content_type=content_type or DEFAULT_CONTENT_TYPE,
        metadata=metadata,
        nonce=lake.new_nonce(),
    )

    def work(tx: Transaction) -> tuple[Repository, Entry]:
        repo = _put(lake, tx, name, branch_name, check_path(path), entry, if_absent=if_absent, force=force)
        upload.store(tx, lake.store.blobs)
        return repo, entry

    return lake.store.submit(work)


def put_entry(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    entry: Entry,
    *,
    if_absent: bool = False,
    force: bool = False,
) -> tuple[Repository, Entry]:
    """Put the entry at the path; its bytes may be missing. Raises as `check_upload`."""
    key = check_path(path)

    def work(tx: Transaction) -> tuple[Repository, Entry]:
        if (
            entry.digest
            and not tx.execute("SELECT 1 FROM blobs WHERE digest = ?", (entry.digest,)).fetchone()
        ):
            raise Gone("No data")
        return _put(lake, tx, name, branch_name, key, entry, if_absent=if_absent, force=force), entry

    return lake.store.write(work)


def _target(execute: records.Execute, name: str, branch_name: str, force: bool) -> tuple[Repository, Branch]:
    repo = writable(execute, name, force)
    found = records.branch(execute, repo.rid, check_branch(branch_name, "name"))
    if found is None:
        raise NotFound(f"branch '{branch_name}' not found")
    return repo, found


def _put(
    lake: Lake,
    tx: Transaction,
    name: str,
    branch_name: str,
    key: bytes,
    entry: Entry,
    *,
    if_absent: bool,
    force: bool,
) -> Repository:
    check(entry)
    repo, found = _target(tx.execute, name, branch_name, force)
    check_unprotected(repo, branch_name)
    if if_absent and find_visible(tx.execute, lake.store.nodes, found, key):
        raise PreconditionFailed(PATH_EXISTS)
    records.stage(tx.execute, found.token, Staged(key, tx.next_seq(), identity(entry), encode(entry)))
    return repo


def entry_at_address(lake: Lake, address: str, size_bytes: int, checksum: str) -> Entry:
    """Return an entry for bytes that a client says are at `address`; those of this store are found again."""
    match = _ADDRESS.search(address)
    entry = Entry(digest=b"", size_bytes=size_bytes, checksum=checksum, mtime=lake.now(), address=address)
    if match is None:
        return entry
    nonce, digest = (bytes.fromhex(part) for part in match.groups())
    known = lake.store.blobs.size(lake.store.database.reader, digest)
    if known is None:
        return entry
    # What a client says of the size would cut off its readers.
    return replace(entry, digest=digest, nonce=nonce, address="", size_bytes=known)


def copy(
    lake: Lake,
    name: str,
    branch_name: str,
    path: str,
    source_ref: str,
    source_path: str,
    *,
    shallow: bool = False,
    force: bool = False,
) -> tuple[Repository, Entry]:
    """Return the object stands at another path (or branch) too; no bytes are moved."""

    def work(tx: Transaction) -> tuple[Repository, Entry]:
        repo, _ = _target(tx.execute, name, branch_name, force)
        if shallow:
            raise NotBuilt("Not Implemented")
        source_key = check_path(source_path)
        source = decode(find_item(lake, repo, check_ref(source_ref), source_key).value)
        key = check_path(path)
        entry = source.moved(nonce=lake.new_nonce() if source.digest else b"", mtime=lake.now())
        _put(lake, tx, name, branch_name, key, entry, if_absent=False, force=force)
        return repo, entry

    return lake.store.write(work)


def set_user_metadata(
    lake: Lake, name: str, branch_name: str, path: str, metadata: dict[str, str], *, force: bool = False
) -> None:
    """Replace the object's metadata by `metadata`.

    Raises:
        NotFound: there is no such object on the branch.
    """
    key = check_path(path)
    check_branch(branch_name)

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        check_unprotected(repo, branch_name)
        found = branch(tx.execute, repo, branch_name)
        item = find_visible(tx.execute, lake.store.nodes, found, key)
        if item is None:
            raise NotFound(f"update user metadata on {name}/{branch_name}/{path}: not found")
        entry = replace(decode(item.value), metadata=metadata)
        records.stage(tx.execute, found.token, Staged(key, tx.next_seq(), identity(entry), encode(entry)))

    lake.store.write(work)


def delete(lake: Lake, name: str, branch_name: str, path: str, *, force: bool = False) -> None:
    """Delete the object at the path; a missing object is no error."""
    check_branch(branch_name)
    key = check_path(path)

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        check_unprotected(repo, branch_name)
        _delete(lake, tx, branch(tx.execute, repo, branch_name), key)

    lake.store.write(work)


def _delete(lake: Lake, tx: Transaction, found: Branch, key: bytes) -> None:
    """Leave a tombstone even for an uncommitted object: a concurrent commit may just include it."""
    if records.staged(tx.execute, found.token, key) or find(lake.store.nodes, found.tree, key):
        records.stage(tx.execute, found.token, Staged(key, tx.next_seq(), None, None))


def delete_many(
    lake: Lake, name: str, branch_name: str, paths: list[str], *, force: bool = False
) -> list[tuple[str, LakeError]]:
    """Delete all paths or none; return the paths that could not be deleted, with the reasons.

    An empty path is passed over, as is a branch that does not exist.
    """
    given = [path for path in paths if path]

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        check_unprotected(repo, branch_name)
        found = records.branch(tx.execute, repo.rid, branch_name)
        if found is not None:
            for key in keys:
                _delete(lake, tx, found, key)

    try:
        check_branch(branch_name)
        keys = [check_path(path, f"path[{index}]") for index, path in enumerate(paths) if path]
        lake.store.write(work)
    except BadRequest as error:
        # lakeFS's status for a path or a branch that cannot be.
        return [(path, LakeError(error.message)) for path in given]
    except (Forbidden, MalformedRule) as error:
        return [(path, error) for path in given]
    return []


def reset(lake: Lake, name: str, branch_name: str, kind: str, path: str = "", *, force: bool = False) -> None:
    """Uncommitted changes are forgotten: all (`reset`), those below a prefix, or the one at a path.

    Raises:
        BadRequest: `object` without a path.
        Forbidden: the branch is protected.
    """
    check_branch(branch_name)
    if kind == "object" and not path:
        raise BadRequest("argument path: missing path: required value: validation error")
    key = check_optional_path(path) if kind == "object" else path.encode()

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        check_unprotected(repo, branch_name)
        token = branch(tx.execute, repo, branch_name).token
        if kind == "object":
            records.unstage(tx.execute, token, key)
        elif kind == "common_prefix":
            keys = [
                change.key
                for change in records.all_staged(tx.execute, token, key)
                if change.key.startswith(key)
            ]
            tx.executemany("DELETE FROM staging WHERE token = ? AND path = ?", [(token, key) for key in keys])
        else:
            tx.execute("DELETE FROM staging WHERE token = ?", (token,))

    lake.store.write(work)
