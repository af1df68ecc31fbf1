"""Nodes of a tree: immutable, sorted, addressed by what they hold.

A leaf holds objects, a node above it holds the nodes below, each under its last key. A node's id is the hash
of all of it, and where nodes end depends on the keys alone, so equal content has equal ids in whatever order
it was made. Columns lie together, so that little is copied when few items are asked for, and a changed item
can be written over the old one.

Trees of the store's first format had narrower nodes above the leaves (version 1); leaves are as they were.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.trees.entries import IDENTITY_BYTES

LEAF_SPREAD = 16
NODE_SPREAD = 64

_HEADER = struct.Struct(">BBI")
_LEAF_VERSION = 1
_NODE_VERSION = 2


class Item(NamedTuple):
    """A key of a node, what it stands for, and the value stored with it.

    Attributes:
        key: the object's path; above the leaves, the last key of the node below.
        identity: the object's identity; above the leaves, the id of the node below.
        value: the encoded entry; above the leaves, the number of objects below (8 bytes).
    """

    key: bytes
    identity: bytes
    value: bytes


class Node:
    """A decoded node; its items are cut out of the body when asked for."""

    __slots__ = (
        "_identities_at",
        "_origin",
        "_own_keys",
        "_value_starts",
        "body",
        "id",
        "keys",
        "level",
        "narrow",
    )

    def __init__(self, node_id: bytes, body: bytes) -> None:
        self.id = node_id
        self.body = body
        self._own_keys = True
        # Of a node written over another one: which, and at which indexes.
        self._origin: tuple[bytes, list[int]] = (b"", [])
        if len(body) < _HEADER.size:
            raise StorageDamaged(f"tree node {node_id.hex()} is truncated")
        version, self.level, count = _HEADER.unpack_from(body)
        if version != _LEAF_VERSION and (version != _NODE_VERSION or not self.level):
            raise StorageDamaged(f"tree node {node_id.hex()} has unknown version {version}")
        self.narrow = self.level > 0 and version == _LEAF_VERSION
        values_at = _HEADER.size + 2 * count
        try:
            starts = _starts(body, "H", count, _HEADER.size, values_at + 4 * count)
            value_starts = _starts(body, "I", count, values_at, starts[-1] + IDENTITY_BYTES * count)
        except struct.error:
            raise StorageDamaged(f"tree node {node_id.hex()} is truncated") from None
        self._identities_at = starts[-1]
        self.keys: list[bytes] = [body[start:end] for start, end in pairwise(starts)]
        self._value_starts = value_starts
        if self._value_starts[-1] != len(body):
            raise StorageDamaged(f"tree node {node_id.hex()} is truncated")

    def __len__(self) -> int:
        return len(self.keys)

    def identity(self, index: int) -> bytes:
        """Return the identity of the item at `index`."""
        at = self._identities_at + IDENTITY_BYTES * index
        return self.body[at : at + IDENTITY_BYTES]

    def differences(self, other: Node, start: int) -> list[int] | None:
        """Return the indexes from `start` on where nodes of equal keys differ; None if the keys differ."""
        if self.keys is not other.keys and self.keys != other.keys:
            return None
        for one, of in ((self, other), (other, self)):
            if one._origin[0] == of.id:
                return [index for index in one._origin[1] if index >= start]
        mine, theirs = self.identities(), other.identities()
        found: list[int] = []
        waiting = [(start, len(self.keys))]
        while waiting:
            low, high = waiting.pop()
            part = slice(IDENTITY_BYTES * low, IDENTITY_BYTES * high)
            if mine[part] == theirs[part]:
                continue
            if high - low == 1:
                found.append(low)
            else:
                middle = (low + high) // 2
                waiting += ((middle, high), (low, middle))
        return found

    def identities(self) -> bytes:
        """Return the identities of all items, one after the other."""
        return self.body[self._identities_at : self._identities_at + IDENTITY_BYTES * len(self.keys)]

    def value(self, index: int) -> bytes:
        """Return the value stored with the key at `index`."""
        return self.body[self._value_starts[index] : self._value_starts[index + 1]]

    def item(self, index: int) -> Item:
        """Return all of it."""
        return Item(self.keys[index], self.identity(index), self.value(index))

    def items(self, start: int = 0) -> list[Item]:
        """Return all items from `start` on."""
        return [self.item(index) for index in range(start, len(self.keys))]

    def patched(self, changes: Sequence[tuple[int, bytes, bytes]]) -> Node | None:
        """This node with other identities and values at some indexes; None where a value's length changes."""
        body = bytearray(self.body)
        for index, identity, value in changes:
            start, end = self._value_starts[index], self._value_starts[index + 1]
            if end - start != len(value):
                return None
            at = self._identities_at + IDENTITY_BYTES * index
            body[at : at + IDENTITY_BYTES] = identity
            body[start:end] = value
        node = Node.__new__(Node)
        node.body = bytes(body)
        node.id = node_id(node.body)
        node._own_keys = False
        node._origin = (self.id, [index for index, _, _ in changes])
        node.level, node.narrow, node.keys = self.level, self.narrow, self.keys
        node._identities_at, node._value_starts = self._identities_at, self._value_starts
        return node

    @property
    def object_count(self) -> int:
        """Return the number of objects in or below this node."""
        if self.level == 0:
            return len(self.keys)
        return sum(int.from_bytes(self.value(index), "big") for index in range(len(self.keys)))

    @property
    def size_bytes(self) -> int:
        """About what it costs to keep."""
        return len(self.body) + (140 if self._own_keys else 60) * len(self.keys) + 300


def _starts(body: bytes, code: str, count: int, lengths_at: int, first: int) -> Sequence[int]:
    """Return the offsets of a column's parts, beginning at `first`, and the end of the last one.

    Their lengths are `count` numbers of the struct code at `lengths_at`; most often they are all equal.
    """
    width = 2 if code == "H" else 4
    one = body[lengths_at : lengths_at + width]
    if count and body[lengths_at : lengths_at + width * count] == one * count:
        length = int.from_bytes(one, "big")
        if length:
            return range(first, first + length * count + 1, length)
    return list(accumulate(struct.unpack_from(f">{count}{code}", body, lengths_at), initial=first))


class NodeReader(Protocol):
    """A source of nodes."""

    def get(self, node_id: bytes) -> Node:
        """Return the node of that id; raises `StorageDamaged` where there is none."""
        ...


class NodeStore(NodeReader, Protocol):
    """A store of nodes, to read and write."""

    def put(self, node_id: bytes, body: bytes, decoded: Node | None = None) -> None:
        """Keep the node; `decoded` is the same, where it is at hand."""
        ...


def encode(level: int, items: Sequence[Item]) -> tuple[bytes, bytes]:
    """Return the id and the body of the node that holds `items`, which are sorted by key."""
    count = len(items)
    body = b"".join(
        (
            _HEADER.pack(_NODE_VERSION if level else _LEAF_VERSION, level, count),
            struct.pack(f">{count}H", *[len(item.key) for item in items]),
            struct.pack(f">{count}I", *[len(item.value) for item in items]),
            *[item.key for item in items],
            *[item.identity for item in items],
            *[item.value for item in items],
        )
    )
    return node_id(body), body


def node_id(body: bytes) -> bytes:
    """Return the id of the node with that body."""
    return hashlib.blake2b(body, digest_size=IDENTITY_BYTES).digest()


def boundary_level(key: bytes) -> int:
    """Return the number of levels of nodes that end at `key`: 0 for most, 1 for a leaf, 2 with its parent.

    It depends on the key alone, so equal content is cut equally, and a change moves no other cut.
    """
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
    if number % LEAF_SPREAD:
        return 0
    number //= LEAF_SPREAD
    level = 1
    while level < 8 and number % NODE_SPREAD == 0:
        number //= NODE_SPREAD
        level += 1
    return level


EMPTY_ID, EMPTY_BODY = encode(0, ())
# What a repository begins with; as in lakeFS it is not the same as a tree from which everything was removed.
NO_TREE = b""
EMPTY_NODE = Node(EMPTY_ID, EMPTY_BODY)
