"""A branch's uncommitted changes, and what a reader of the branch sees with them."""

from __future__ import annotations

from collections.abc import Iterator

from mlops.lakeserver.errors import BadRequest
from mlops.lakeserver.store import records
from mlops.lakeserver.store.records import Branch, Execute, Staged
from mlops.lakeserver.trees.diffs import Change, two_way
from mlops.lakeserver.trees.nodes import Item, NodeReader
from mlops.lakeserver.trees.tree import find, scan

DIRTY = "uncommitted changes (dirty branch)"


def item_of(change: Staged) -> Item | None:
    """Return the item of a staged change; None for a removal."""
    if change.identity is None or change.value is None:
        return None
    return Item(change.key, change.identity, change.value)


def find_visible(execute: Execute, nodes: NodeReader, branch: Branch, key: bytes) -> Item | None:
    """Return the entry that a reader of the branch sees at a path."""
    change = records.staged(execute, branch.token, key)
    return find(nodes, branch.tree, key) if change is None else item_of(change)


def scan_visible(execute: Execute, nodes: NodeReader, branch: Branch, start: bytes) -> Iterator[Item]:
    """Yield the entries that a reader of the branch sees from `start` on, in byte order."""
    changes = records.all_staged(execute, branch.token, start)
    change = next(changes, None)
    for item in scan(nodes, branch.tree, start):
        while change is not None and change.key < item.key:
            staged = item_of(change)
            if staged:
                yield staged
            change = next(changes, None)
        if change is not None and change.key == item.key:
            staged = item_of(change)
            if staged:
                yield staged
            change = next(changes, None)
        else:
            yield item
    while change is not None:
        staged = item_of(change)
        if staged:
            yield staged
        change = next(changes, None)


def uncommitted(execute: Execute, nodes: NodeReader, branch: Branch, start: bytes = b"") -> Iterator[Change]:
    """Yield the differences between branch and committed tree, from `start` on."""
    for staged in records.all_staged(execute, branch.token, start):
        committed, item = find(nodes, branch.tree, staged.key), item_of(staged)
        if committed is None and item is None:
            continue
        if committed is None or item is None or committed.identity != item.identity:
            yield Change(staged.key, committed, item)


def check_clean(execute: Execute, nodes: NodeReader, branch: Branch, message: str = DIRTY) -> int:
    """Return the number of the last uncommitted row, none of which changes anything; 0 where there is none.

    Such rows (the same object again, the deletion of what is not there) must go when the head moves.

    Raises:
        BadRequest: there are uncommitted changes.
    """
    if next(uncommitted(execute, nodes, branch), None) is not None:
        raise BadRequest(message)
    return execute("SELECT coalesce(max(seq), 0) FROM staging WHERE token = ?", (branch.token,)).fetchone()[0]


def two_way_uncommitted(
    execute: Execute, nodes: NodeReader, left_tree: bytes, branch: Branch, start: bytes = b""
) -> Iterator[Change]:
    """Yield the differences between a tree and the branch, from `start` on."""
    committed = two_way(nodes, left_tree, branch.tree, start)
    change = next(committed, None)
    for staged in records.all_staged(execute, branch.token, start):
        while change is not None and change.key < staged.key:
            yield change
            change = next(committed, None)
        if change is not None and change.key == staged.key:
            change = next(committed, None)
        left, right = find(nodes, left_tree, staged.key), item_of(staged)
        if (left and left.identity) != (right and right.identity):
            yield Change(staged.key, left, right)
    if change is not None:
        yield change
    yield from committed
