"""Tree nodes in the database, the recently used ones decoded in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable

from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.store.database import Database
from mlops.lakeserver.store.writer import Transaction
from mlops.lakeserver.trees.nodes import EMPTY_BODY, EMPTY_ID, EMPTY_NODE, NO_TREE, Node

CACHE_BYTES = 64 << 20


class _Shelf:
    """Decoded nodes up to a number of bytes; what was not asked for the longest goes first."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._used = 0
        self._lock = threading.Lock()
        self._nodes: OrderedDict[bytes, Node] = OrderedDict()

    def get(self, node_id: bytes) -> Node | None:
        node = self._nodes.get(node_id)
        if node is not None:
            try:
                self._nodes.move_to_end(node_id)
            except KeyError:  # another thread has just dropped it
                return node
        return node

    def keep(self, nodes: Iterable[Node]) -> None:
        with self._lock:
            for node in nodes:
                if node.id not in self._nodes:
                    self._nodes[node.id] = node
                    self._used += node.size_bytes
            while self._used > self._capacity:
                _, dropped = self._nodes.popitem(last=False)
                self._used -= dropped.size_bytes


class NodeCache:
    """Reads nodes; safe to use from many threads.

    Args:
        capacity_bytes: about how much memory decoded nodes may take; half of it is for those above the
            leaves, so that reading many leaves does not drive them out.
    """

    def __init__(self, database: Database, capacity_bytes: int = CACHE_BYTES) -> None:
        self._database = database
        self._inner = _Shelf(capacity_bytes // 2)
        self._leaves = _Shelf(capacity_bytes // 2)

    def get(self, node_id: bytes) -> Node:
        """Return the node of that id.

        Raises:
            StorageDamaged: there is none, or it cannot be read.
        """
        node = self._inner.get(node_id)
        if node is None:
            node = self._leaves.get(node_id)
        if node is not None:
            return node
        if node_id in (NO_TREE, EMPTY_ID):
            return EMPTY_NODE
        row = self._database.reader.execute("SELECT body FROM nodes WHERE id = ?", (node_id,)).fetchone()
        if row is None:
            raise StorageDamaged(f"tree node {node_id.hex()} is missing")
        node = Node(node_id, row[0])
        (self._inner if node.level else self._leaves).keep((node,))
        return node

    def keep(self, nodes: Collection[Node]) -> None:
        """Has the nodes at hand for a while."""
        self._inner.keep(node for node in nodes if node.level)
        self._leaves.keep(node for node in nodes if not node.level)


class Removed(Exception):
    """Something was removed from the store since the operation began to read; compute again."""


def removals(execute: Callable[..., sqlite3.Cursor]) -> int:
    """Return the number of removals from the store."""
    row = execute("SELECT value FROM settings WHERE name = 'removals'").fetchone()
    return int(row[0]) if row else 0


def count_removal(tx: Transaction) -> None:
    """Whoever computed something from what the store was before the transaction has to compute again."""
    tx.execute(
        "INSERT INTO settings VALUES ('removals', '1') "
        "ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )


class NewNodes:
    """Nodes made by one operation, on top of those of the store; written when the operation says so.

    Args:
        removals_before: how often something was removed before the operation began to read.
    """

    def __init__(self, cache: NodeCache, removals_before: int) -> None:
        self._cache = cache
        self._removals_before = removals_before
        self._bodies: dict[bytes, bytes] = {}
        self._decoded: dict[bytes, Node] = {}
        self._pending = True

    def get(self, node_id: bytes) -> Node:
        """Return the node of that id, new or stored."""
        body = self._bodies.get(node_id)
        if body is None:
            return self._cache.get(node_id)
        node = self._decoded.get(node_id)
        if node is None:
            node = self._decoded[node_id] = Node(node_id, body)
        return node

    def put(self, node_id: bytes, body: bytes, decoded: Node | None = None) -> None:
        """Keep a new node."""
        self._bodies[node_id] = body
        if decoded is not None:
            self._decoded[node_id] = decoded

    def written(self) -> None:
        """They are in the store for good: `write` has only to see that nothing was removed since.

        Whoever reads the tree soon finds them decoded.
        """
        self._pending = False
        self._cache.keep(self._decoded.values())

    def write(self, tx: Transaction) -> None:
        """Write them all as part of the transaction.

        Raises:
            Removed: what they refer to may be gone.
        """
        if removals(tx.execute) != self._removals_before:
            raise Removed
        if not self._pending:
            return
        tx.execute("INSERT OR IGNORE INTO nodes (id, body) VALUES (?, ?)", (EMPTY_ID, EMPTY_BODY))
        tx.executemany("INSERT OR IGNORE INTO nodes (id, body) VALUES (?, ?)", sorted(self._bodies.items()))
