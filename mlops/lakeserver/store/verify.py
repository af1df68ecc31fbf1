"""Looking at everything a store holds: every hash, every reference, every row."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.store import Store
from mlops.lakeserver.store import verify_rows as rows
from mlops.lakeserver.store.records import commit
from mlops.lakeserver.trees.entries import IDENTITY_BYTES, decode, digest_of, identity
from mlops.lakeserver.trees.nodes import EMPTY_ID, NO_TREE, Node, node_id

_CHUNK_BYTES = 1 << 20
_ID_BYTES = 32


def verify(store: Store) -> list[str]:
    """Return a sentence for each problem of the store; none if every hash and reference is correct.

    It sees one state of the store, and may run while the server works; not while unreferenced bytes are
    removed, for which `Store.maintenance` is held.
    """
    with store.database.snapshot() as connection:
        check = _Check(store, connection)
        return [
            *(f"metadata: {row[0]}" for row in connection.execute("PRAGMA quick_check") if row[0] != "ok"),
            *check.blobs(),
            *check.nodes(),
            *check.commits(),
            *check.refs(),
            *check.staged(),
            *rows.check(connection.execute),
        ]


class _Check:
    """One walk through a store."""

    def __init__(self, store: Store, connection: sqlite3.Connection) -> None:
        self._store = store
        self._connection = connection
        self._blobs = {row[0] for row in connection.execute("SELECT digest FROM blobs")}
        self._nodes = {row[0] for row in connection.execute("SELECT id FROM nodes")} | {NO_TREE, EMPTY_ID}

    def blobs(self) -> Iterator[str]:
        for digest in sorted(self._blobs):
            try:
                data = self._store.blobs.open(self._connection, digest)
            except LakeError as error:
                named = error.message.startswith("object ")
                yield error.message if named else f"object {digest.hex()}: {error.message}"
                continue
            hasher = hashlib.blake2b(digest_size=_ID_BYTES)
            if isinstance(data, bytes):
                hasher.update(data)
            else:
                with data:
                    while chunk := data.read(_CHUNK_BYTES):
                        hasher.update(chunk)
            if hasher.digest() != digest:
                yield f"object {digest.hex()}: its bytes are not what was stored"

    def nodes(self) -> Iterator[str]:
        for key, body in self._connection.execute("SELECT id, body FROM nodes"):
            if node_id(body) != key:
                yield f"tree node {key.hex()}: it is not what was stored"
                continue
            yield from self._node(Node(key, body))

    def _node(self, node: Node) -> Iterator[str]:
        for item in node.items():
            where = f"tree node {node.id.hex()}, {item.key.decode(errors='replace')!r}"
            if node.level:
                if item.identity not in self._nodes:
                    yield f"{where}: tree node {item.identity.hex()} is missing"
            else:
                yield from self._entry(where, item.identity, item.value)

    def _entry(self, where: str, expected: bytes, value: bytes) -> Iterator[str]:
        digest = digest_of(value)
        if digest and digest not in self._blobs:
            yield f"{where}: object {digest.hex()} is missing"
        if len(expected) != IDENTITY_BYTES or identity(decode(value)) != expected:
            yield f"{where}: the description is not what was stored"

    def commits(self) -> Iterator[str]:
        rows = self._connection.execute("SELECT rid, id, tree, parents FROM commits")
        known = {(row[0], row[1]) for row in self._connection.execute("SELECT rid, id FROM commits")}
        for rid, commit_id, tree, parents in rows:
            if not self._is_whole(rid, commit_id):
                yield f"commit {commit_id.hex()}: it is not what was committed"
            if tree not in self._nodes:
                yield f"commit {commit_id.hex()}: its tree {tree.hex()} is missing"
            for at in range(0, len(parents), _ID_BYTES):
                parent = parents[at : at + _ID_BYTES]
                if (rid, parent) not in known:
                    yield f"commit {commit_id.hex()}: its parent {parent.hex()} is missing"

    def _is_whole(self, rid: int, commit_id: bytes) -> bool:
        """Return whether the commit's id is the hash of what it says."""
        try:
            found = commit(self._connection.execute, rid, commit_id)
        except (ValueError, TypeError, AttributeError):
            return False
        return found is not None and found.id == commit_id

    def refs(self) -> Iterator[str]:
        for kind in ("branches", "tags"):
            rows = self._connection.execute(
                f"SELECT r.id, k.id, k.commit_id FROM {kind} k JOIN repositories r USING (rid) "  # noqa: S608
                "LEFT JOIN commits c ON c.rid = k.rid AND c.id = k.commit_id WHERE c.id IS NULL"
            )
            for repository, name, commit_id in rows:
                yield f"{kind} of {repository}, {name}: commit {commit_id.hex()} is missing"
        rows = self._connection.execute(
            "SELECT b.id FROM branches b JOIN commits c ON c.rid = b.rid AND c.id = b.commit_id "
            "WHERE b.tree <> c.tree"
        )
        for (name,) in rows:
            yield f"branch {name}: its tree is not that of its head"

    def staged(self) -> Iterator[str]:
        rows = self._connection.execute("SELECT path, identity, value FROM staging WHERE value IS NOT NULL")
        for key, expected, value in rows:
            yield from self._entry(f"uncommitted {key.decode(errors='replace')!r}", expected, value)
