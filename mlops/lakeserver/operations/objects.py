"""Reading objects: one, its bytes, or a list of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import BinaryIO

from mlops.lakeserver.errors import Gone, NotFound
from mlops.lakeserver.grammar.names import check_optional_path, check_path
from mlops.lakeserver.grammar.ref_expressions import check_ref
from mlops.lakeserver.operations.lake import Lake, commit, repository, resolve
from mlops.lakeserver.operations.paging import CommonPrefix, Page, collapsed
from mlops.lakeserver.operations.staging import find_visible, scan_visible
from mlops.lakeserver.store.records import Repository
from mlops.lakeserver.trees.entries import Entry, decode
from mlops.lakeserver.trees.nodes import Item
from mlops.lakeserver.trees.tree import find, scan


def find_item(lake: Lake, repo: Repository, ref: str, key: bytes) -> Item:
    """Return the entry at a path of a ref; call it inside a snapshot.

    Raises:
        NotFound: nothing does, or the ref stands for nothing.
    """
    execute = lake.store.database.reader.execute
    resolved = resolve(execute, repo, ref)
    nodes = lake.store.nodes
    if resolved.branch is None:
        item = find(nodes, commit(execute, repo, resolved.commit_id).tree, key)
    else:
        item = find_visible(execute, nodes, resolved.branch, key)
    if item is None:
        raise NotFound("not found")
    return item


def stat(lake: Lake, name: str, ref: str, path: str) -> tuple[Repository, Entry]:
    """Return the description of an object.

    Raises:
        NotFound: the repository, the ref or the object does not exist.
    """
    with lake.store.database.snapshot() as connection:
        repo = repository(connection.execute, name)
        check_ref(ref)
        key = check_path(path)
        return repo, decode(find_item(lake, repo, ref, key).value)


def open_bytes(lake: Lake, entry: Entry) -> bytes | BinaryIO:
    """Return the object's bytes, or an open file of them.

    Raises:
        Gone: they are not in this store.
    """
    if not entry.digest:
        raise Gone("No data")
    return lake.store.blobs.open(lake.store.database.reader, entry.digest)


def list_page(
    lake: Lake, name: str, ref: str, *, prefix: str, after: str, delimiter: str, amount: int
) -> tuple[Repository, Page[Item | CommonPrefix]]:
    """Return a page of a ref's objects below `prefix`, in byte order."""
    with lake.store.database.snapshot() as connection:
        repo = repository(connection.execute, name)
        check_ref(ref)
        below = check_optional_path(prefix, "prefix")
        separator = check_optional_path(delimiter, "delimiter")
        seek = _Scanner(lake, connection, repo, ref)
        return repo, collapsed(
            seek, prefix=below, after=after.encode(), delimiter=separator, amount=amount, inside=True
        )


class _Scanner:
    """Yields a ref's objects from a key on."""

    def __init__(self, lake: Lake, connection: sqlite3.Connection, repo: Repository, ref: str) -> None:
        self._execute = connection.execute
        self._nodes = lake.store.nodes
        self._resolved = resolve(self._execute, repo, ref)
        branch = self._resolved.branch
        self._tree = branch.tree if branch else commit(self._execute, repo, self._resolved.commit_id).tree

    def __call__(self, start: bytes) -> Iterator[Item]:
        branch = self._resolved.branch
        if branch is None:
            return scan(self._nodes, self._tree, start)
        return scan_visible(self._execute, self._nodes, branch, start)
