"""Reading and changing trees; a change writes only the nodes it touches and shares the rest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from mlops.lakeserver.trees.nodes import (
    EMPTY_BODY,
    EMPTY_ID,
    Item,
    Node,
    NodeReader,
    NodeStore,
    boundary_level,
    encode,
)
from mlops.lakeserver.trees.patches import Draft, Edit, patch

__all__ = ["Edit", "apply", "build", "find", "object_count", "scan"]


def find(nodes: NodeReader, root: bytes, key: bytes) -> Item | None:
    """Return the object at `key` of the tree `root`, or None."""
    node = nodes.get(root)
    while True:
        index = bisect_left(node.keys, key)
        if index == len(node.keys):
            return None
        if node.level == 0:
            return node.item(index) if node.keys[index] == key else None
        node = nodes.get(node.identity(index))


def scan(nodes: NodeReader, root: bytes, start: bytes = b"") -> Iterator[Item]:
    """Yield the objects of the tree `root` with keys from `start` on, in byte order."""
    stack = [(nodes.get(root), -1)]
    while stack:
        node, index = stack.pop()
        if index < 0:
            index = bisect_left(node.keys, start)
        if node.level == 0:
            for at in range(index, len(node.keys)):
                yield node.item(at)
        elif index < len(node.keys):
            stack.append((node, index + 1))
            stack.append((nodes.get(node.identity(index)), -1))


def object_count(nodes: NodeReader, root: bytes) -> int:
    """Return the number of objects in the tree `root`."""
    return nodes.get(root).object_count


def apply(nodes: NodeStore, root: bytes, edits: Sequence[Edit]) -> bytes:
    """The tree that `root` becomes by `edits` (sorted, each key once); its new nodes are put into `nodes`.

    An edit to an object of equal identity changes nothing, not even its time.
    """
    draft = Draft(nodes)
    if draft.get(root).narrow:
        edits = [edit for edit in edits if _is_effective(draft, root, edit)]
        root = _widened(draft, root) if edits else root
    top, remaining = patch(draft, root, edits)
    if remaining:
        top = _restructured(draft, top, remaining)
    draft.flush()
    return top


def _is_effective(nodes: NodeReader, root: bytes, edit: Edit) -> bool:
    found = find(nodes, root, edit.key)
    return (found and found.identity) != (edit.item and edit.item.identity)


def _widened(draft: Draft, root: bytes) -> bytes:
    """Return the tree of the same leaves as one of the store's first format."""
    parents, waiting = [], [draft.get(root)]
    while waiting:
        node = waiting.pop()
        if node.level == 1:
            parents += node.items()
        else:
            waiting += [draft.get(node.identity(index)) for index in reversed(range(len(node)))]
    return _grow(draft, 0, parents)


def _restructured(draft: Draft, root: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the tree that `root` becomes by `edits`, which may move where nodes end."""
    level, top = 0, draft.get(root).level
    while edits:
        edits = _rewrite_level(draft, root, level, edits)
        if level == top:
            return _grow(draft, level, [edit.item for edit in edits if edit.item is not None])
        level += 1
    return root


def build(nodes: NodeStore, items: Iterable[Item], batch: int = 20_000) -> bytes:
    """Return the tree of `items`, which are sorted by key; a batch at a time is held in memory."""
    root, edits = EMPTY_ID, []
    nodes.put(EMPTY_ID, EMPTY_BODY)
    for item in items:
        edits.append(Edit(item.key, item))
        if len(edits) >= batch:
            root, edits = apply(nodes, root, edits), []
    return apply(nodes, root, edits) if edits else root


def _rewrite_level(nodes: Draft, root: bytes, level: int, edits: Sequence[Edit]) -> list[Edit]:
    """Rewrites the nodes of one level that `edits` touch; returns what that changes in the level above."""
    changed: dict[bytes, Item | None] = {}
    at = 0
    while at < len(edits):
        node, last = _node_for(nodes, root, level, edits[at].key)
        items: list[Item] = []
        cuts: list[int] = []
        while True:
            end = len(edits) if last else bisect_right(edits, node.keys[-1], lo=at, key=lambda edit: edit.key)
            _merge(node, edits[at:end], level, items, cuts)
            if node.keys:
                changed[node.keys[-1]] = None
                nodes.drop(node.id)
            at = end
            if last or not items or (cuts and cuts[-1] == len(items)):
                break
            node, last = _node_after(nodes, root, level, node.keys[-1])
        for item in _write(nodes, level, items, cuts):
            changed[item.key] = item
    return [Edit(key, changed[key]) for key in sorted(changed)]


def _merge(node: Node, edits: Sequence[Edit], level: int, items: list[Item], cuts: list[int]) -> None:
    """Appends the node's items, as edited, to `items`, and to `cuts` how many there are where a node ends.

    Of the keys a node has, only the last can end a node; of the new ones, any.
    """
    keys, at = node.keys, 0
    for key, item in edits:
        index = bisect_left(keys, key, lo=at)
        _keep(node, at, index, level, items, cuts)
        found = index < len(keys) and keys[index] == key
        at = index + found
        if item is None:
            continue
        same = found and item.identity == node.identity(index)
        items.append(node.item(index) if same else item)
        if (not found or at == len(keys)) and boundary_level(key) > level:
            cuts.append(len(items))
    _keep(node, at, len(keys), level, items, cuts)


def _keep(node: Node, start: int, stop: int, level: int, items: list[Item], cuts: list[int]) -> None:
    items.extend([node.item(index) for index in range(start, stop)])
    if start < stop == len(node.keys) and boundary_level(node.keys[-1]) > level:
        cuts.append(len(items))


def _write(nodes: Draft, level: int, items: list[Item], cuts: list[int]) -> list[Item]:
    """Put the nodes that `items` make, and returns the items by which the level above knows them."""
    parents, start = [], 0
    for end in cuts if cuts and cuts[-1] == len(items) else [*cuts, len(items)]:
        if end == start:
            continue
        part = items[start:end]
        start = end
        node_id, body = encode(level, part)
        nodes.put(node_id, body)
        count = len(part) if level == 0 else sum(int.from_bytes(item.value, "big") for item in part)
        parents.append(Item(part[-1].key, node_id, count.to_bytes(8, "big")))
    return parents


def _grow(nodes: Draft, level: int, items: list[Item]) -> bytes:
    """The root above `items`, which stand for all nodes of a level; no root has a single node below it."""
    if not items:
        nodes.put(EMPTY_ID, EMPTY_BODY)
        return EMPTY_ID
    while len(items) > 1:
        level += 1
        cuts = [index for index, item in enumerate(items, 1) if boundary_level(item.key) > level]
        items = _write(nodes, level, items, cuts)
    node = nodes.get(items[0].identity)
    while node.level and len(node) == 1:
        node = nodes.get(node.identity(0))
    return node.id


def _node_for(nodes: NodeReader, root: bytes, level: int, key: bytes) -> tuple[Node, bool]:
    """Return the node of `level` that holds `key` or would, and whether it is the last of its level."""
    node, last = nodes.get(root), True
    while node.level > level:
        index = min(bisect_left(node.keys, key), len(node) - 1)
        last = last and index == len(node) - 1
        node = nodes.get(node.identity(index))
    return node, last


def _node_after(nodes: NodeReader, root: bytes, level: int, key: bytes) -> tuple[Node, bool]:
    """The node of `level` after the one that ends with `key`, and whether it is the last of its level."""
    node, last = nodes.get(root), True
    while node.level > level:
        index = bisect_right(node.keys, key)
        last = last and index == len(node) - 1
        node = nodes.get(node.identity(index))
    return node, last
