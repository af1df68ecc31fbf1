"""Differences between two trees, also relative to their common ancestor; equal nodes are skipped."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mlops.lakeserver.trees.nodes import Item, Node, NodeReader

ADDED, REMOVED, CHANGED, CONFLICT = "added", "removed", "changed", "conflict"


class Change(NamedTuple):
    """One path at which two trees differ.

    Attributes:
        key: the object's path.
        left: what the left tree has there, or None.
        right: what the right tree has there, or None.
    """

    key: bytes
    left: Item | None
    right: Item | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`, going from left to right."""
        if self.left is None:
            return ADDED
        return REMOVED if self.right is None else CHANGED


class ThreeWayChange(NamedTuple):
    """One path that the right side changed since the base, and the left side did not change equally.

    Attributes:
        conflict: the left side changed it too, to something else. base, left, right: what stands there.
    """

    key: bytes
    base: Item | None
    left: Item | None
    right: Item | None
    conflict: bool

    @property
    def kind(self) -> str:
        """`conflict`, or what the right side did to it."""
        return CONFLICT if self.conflict else Change(self.key, self.base, self.right).kind


class _Side:
    """A tree read in order, of which whole nodes can be passed over before they are opened."""

    __slots__ = ("_nodes", "_start", "stack")

    def __init__(self, nodes: NodeReader, root: bytes, start: bytes) -> None:
        node = nodes.get(root)
        self._nodes = nodes
        self._start = start
        self.stack: list[tuple[int, Item]] = []
        if node.keys:
            self.stack.append((node.level, Item(node.keys[-1], root, b"")))

    def head(self) -> tuple[int, Item] | None:
        """Return the level (-1 for an object) and the item that come next."""
        return self.stack[-1] if self.stack else None

    def pop(self) -> None:
        """Passes over what comes next."""
        self.stack.pop()

    def open(self) -> None:
        """Replaces the node that comes next by what it holds."""
        node, first = self._take()
        self._give(node, range(first, len(node)))

    def open_with(self, other: _Side) -> None:
        """Replaces the nodes that come next by what they hold; where easily seen, without what is equal."""
        (node, first), (other_node, other_first) = self._take(), other._take()
        different = node.differences(other_node, first)
        self._give(node, range(first, len(node)) if different is None else different)
        other._give(other_node, range(other_first, len(other_node)) if different is None else different)

    def _take(self) -> tuple[Node, int]:
        _, item = self.stack.pop()
        node = self._nodes.get(item.identity)
        return node, bisect_left(node.keys, self._start)

    def _give(self, node: Node, indexes: Sequence[int]) -> None:
        self.stack.extend([(node.level - 1, node.item(index)) for index in reversed(indexes)])


def two_way(nodes: NodeReader, left: bytes, right: bytes, start: bytes = b"") -> Iterator[Change]:
    """Yield the paths from `start` on at which the trees differ, in byte order."""
    if left == right:
        return
    a, b = nodes.get(left), nodes.get(right)
    different = a.differences(b, bisect_left(a.keys, start)) if a.level == b.level else None
    if different is None:
        yield from _merged(_Side(nodes, left, start), _Side(nodes, right, start))
    elif a.level == 0:
        for index in different:
            yield Change(a.keys[index], a.item(index), b.item(index))
    else:
        for index in different:
            yield from two_way(nodes, a.identity(index), b.identity(index), start)


def _merged(a_side: _Side, b_side: _Side) -> Iterator[Change]:
    """As `two_way`, for nodes that end at different keys."""
    while True:
        a, b = a_side.head(), b_side.head()
        if a is None and b is None:
            return
        a_level, b_level = a[0] if a else -2, b[0] if b else -2
        if a_level > b_level and a_level >= 0:
            a_side.open()
        elif b_level > a_level and b_level >= 0:
            b_side.open()
        elif a and b and a_level >= 0:
            if a[1].identity == b[1].identity:
                a_side.pop()
                b_side.pop()
            else:
                a_side.open_with(b_side)
        else:
            change = _next_change(a_side, b_side, a and a[1], b and b[1])
            if change:
                yield change


def _next_change(a_side: _Side, b_side: _Side, a: Item | None, b: Item | None) -> Change | None:
    if b is None or (a is not None and a.key < b.key):
        a_side.pop()
        return Change(a.key, a, None) if a else None
    if a is None or b.key < a.key:
        b_side.pop()
        return Change(b.key, None, b)
    a_side.pop()
    b_side.pop()
    return Change(a.key, a, b) if a.identity != b.identity else None


def three_way(
    nodes: NodeReader, base: bytes, left: bytes, right: bytes, start: bytes = b""
) -> Iterator[ThreeWayChange]:
    """Yield the paths from `start` on that right changed since `base`, except where left has the same now."""
    left_changes = two_way(nodes, base, left, start)
    pending = next(left_changes, None)
    for change in two_way(nodes, base, right, start):
        while pending is not None and pending.key < change.key:
            pending = next(left_changes, None)
        if pending is None or pending.key != change.key:
            yield ThreeWayChange(change.key, change.left, change.left, change.right, conflict=False)
        elif not _equal(pending.right, change.right):
            yield ThreeWayChange(change.key, change.left, pending.right, change.right, conflict=True)


def _equal(one: Item | None, other: Item | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.identity == other.identity
