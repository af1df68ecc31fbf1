"""Changing a tree without moving where its nodes end: each touched node is written over, its parents too."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.trees.nodes import Item, Node, NodeStore, boundary_level, encode


class Edit(NamedTuple):
    """An edit of a key: its new item, or None to remove it."""

    key: bytes
    item: Item | None


class Draft:
    """Nodes made on the way to a tree, on top of others; what the tree still has goes there in the end."""

    def __init__(self, nodes: NodeStore) -> None:
        self._nodes = nodes
        self._bodies: dict[bytes, bytes] = {}
        self._decoded: dict[bytes, Node] = {}

    def get(self, node_id: bytes) -> Node:
        """Return the node of that id."""
        node = self._decoded.get(node_id)
        if node is None:
            body = self._bodies.get(node_id)
            if body is None:
                return self._nodes.get(node_id)
            node = self._decoded[node_id] = Node(node_id, body)
        return node

    def put(self, node_id: bytes, body: bytes, decoded: Node | None = None) -> None:
        """Keep the node for now."""
        self._bodies[node_id] = body
        if decoded is not None:
            self._decoded[node_id] = decoded

    def drop(self, node_id: bytes) -> None:
        """Remove a node from the tree."""
        self._bodies.pop(node_id, None)

    def flush(self) -> None:
        """Put what is kept where the others are."""
        for node_id, body in self._bodies.items():
            self._nodes.put(node_id, body, self._decoded.get(node_id))


def patch(draft: Draft, root: bytes, edits: Sequence[Edit]) -> tuple[bytes, list[Edit]]:
    """The tree that `root` becomes by those of the (sorted) edits that move no node's end, and the others."""
    pass_ = _Pass(draft, edits)
    node, _ = pass_.node(draft.get(root), 0, len(edits))
    return node.id, pass_.remaining


class _Pass:
    def __init__(self, draft: Draft, edits: Sequence[Edit]) -> None:
        self._draft = draft
        self._edits = edits
        self._keys = [edit.key for edit in edits]
        self.remaining: list[Edit] = []

    def node(self, node: Node, start: int, end: int) -> tuple[Node, int]:
        """Return the node after the edits from `start` to `end`, and how many objects more are below it."""
        if node.level == 0:
            return self._leaf(node, start, end)
        keys, index, total = node.keys, 0, 0
        changes: list[tuple[int, bytes, bytes]] = []
        while start < end:
            index = bisect_left(keys, self._keys[start], lo=index)
            if index == len(keys):
                self.remaining += self._edits[start:end]
                break
            following = bisect_right(self._keys, keys[index], lo=start, hi=end)
            below = self._draft.get(node.identity(index))
            changed, more = self.node(below, start, following)
            if changed is not below:
                count = node.value(index)
                if more:
                    count = (int.from_bytes(count, "big") + more).to_bytes(8, "big")
                    total += more
                changes.append((index, changed.id, count))
            start = following
        return (self._patched(node, changes) if changes else node), total

    def _leaf(self, node: Node, start: int, end: int) -> tuple[Node, int]:
        effects = _effects(node, self._edits[start:end])
        if effects is None:
            self.remaining += self._edits[start:end]
        if not effects:
            return node, 0
        changes = [(index, item.identity, item.value) for index, found, item in effects if found and item]
        if len(changes) == len(effects):
            patched = node.patched(changes)
            if patched is not None:
                self._draft.put(patched.id, patched.body, patched)
                return patched, 0
        items = node.items()
        for index, found, item in reversed(effects):
            items[index : index + found] = [] if item is None else [item]
        new = Node(*encode(0, items))
        self._draft.put(new.id, new.body, new)
        return new, len(items) - len(node)

    def _patched(self, node: Node, changes: list[tuple[int, bytes, bytes]]) -> Node:
        patched = node.patched(changes)
        if patched is None:
            raise StorageDamaged(f"tree node {node.id.hex()} has counts of another length")
        self._draft.put(patched.id, patched.body, patched)
        return patched


def _effects(node: Node, edits: Sequence[Edit]) -> list[tuple[int, bool, Item | None]] | None:
    """Return for each edit of a leaf its position, whether there is an item, and the new item.

    None where one of them may move the leaf's end.
    """
    keys, index = node.keys, 0
    effects: list[tuple[int, bool, Item | None]] = []
    for key, item in edits:
        index = bisect_left(keys, key, lo=index)
        found = index < len(keys) and keys[index] == key
        if found and item:
            if item.identity != node.identity(index):
                effects.append((index, True, item))
        elif found or item:
            if index + found >= len(keys) or (item and boundary_level(key)):
                return None
            effects.append((index, found, item))
    return effects
