"""Three-way merge of trees, one object at a time; contents are never mixed."""

from __future__ import annotations

from collections.abc import Iterator

from mlops.lakeserver.errors import BadRequest, MergeConflict
from mlops.lakeserver.trees.diffs import ThreeWayChange, three_way
from mlops.lakeserver.trees.nodes import EMPTY_ID, Item, Node, NodeStore, encode
from mlops.lakeserver.trees.patches import Draft, Edit
from mlops.lakeserver.trees.tree import apply

DEST_WINS, SOURCE_WINS = "dest-wins", "source-wins"
STRATEGIES = ("", DEST_WINS, SOURCE_WINS)

_BATCH = 20_000
_PATHS_SHOWN = 20


def check_strategy(strategy: str) -> str:
    """`strategy`, which is one.

    Raises:
        BadRequest: it is none.
    """
    if strategy not in STRATEGIES:
        raise BadRequest("argument strategy: invalid value: validation error")
    return strategy


def merge(nodes: NodeStore, base: bytes, source: bytes, destination: bytes, strategy: str = "") -> bytes:
    """Apply the changes of `source` since `base` to `destination`.

    Raises:
        MergeConflict: both changed a path differently and `strategy` does not say which wins.
    """
    draft = Draft(nodes)
    merging = _Merging(draft, strategy)
    tree = merging.tree(base, source, destination)
    draft.flush()
    edits: list[Edit] = []
    for change in merging.object_changes():
        edits.append(Edit(change.key, change.right))
        if len(edits) >= _BATCH and not merging.clashes:
            tree, edits = apply(nodes, tree, edits), []
    if merging.clashes:
        raise MergeConflict(merging.clashes)
    return apply(nodes, tree, edits) if edits else tree


def replay(nodes: NodeStore, base: bytes, source: bytes, destination: bytes, strategy: str = "") -> bytes:
    """As `merge`, but what has no tree yet stays so only where `source` is taken as it is, as in lakeFS."""
    if destination == base:
        return source
    return merge(nodes, base, source, destination, strategy) or EMPTY_ID


class _Merging:
    """Takes whole nodes from the side that alone changed them; the rest is left for `object_changes`."""

    def __init__(self, draft: Draft, strategy: str) -> None:
        self._draft = draft
        self._strategy = strategy
        self._apart: list[tuple[bytes, bytes, bytes]] = []
        self.clashes: list[str] = []

    def tree(self, base: bytes, source: bytes, destination: bytes) -> bytes:
        """Return the merged (part of a) tree, as far as all three end their nodes at the same keys."""
        if source in (base, destination):
            return destination
        if destination == base:
            return source
        was, theirs, ours = (self._draft.get(node_id) for node_id in (base, source, destination))
        different = was.differences(theirs, 0) if was.differences(ours, 0) is not None else None
        alike = was.level == theirs.level == ours.level and not (was.narrow or theirs.narrow or ours.narrow)
        if different is None or not alike:
            self._apart.append((base, source, destination))
            return destination
        changes: list[tuple[int, bytes, bytes]] = []
        for index in different:
            if was.level:
                changes += self._below(index, was, theirs, ours)
            elif self._takes(
                was.keys[index], was.identity(index), theirs.identity(index), ours.identity(index)
            ):
                changes.append((index, theirs.identity(index), theirs.value(index)))
        return self._changed(destination, ours, changes)

    def _below(self, index: int, was: Node, theirs: Node, ours: Node) -> list[tuple[int, bytes, bytes]]:
        ids = [node.identity(index) for node in (was, theirs, ours)]
        merged = self.tree(*ids)
        if merged == ids[2]:
            return []
        if merged == ids[1]:
            return [(index, merged, theirs.value(index))]
        return [(index, merged, self._draft.get(merged).object_count.to_bytes(8, "big"))]

    def _takes(self, key: bytes, was: bytes, theirs: bytes, ours: bytes) -> bool:
        """Return whether the source's object goes into the merged tree, where it is not the base's."""
        return theirs != ours and (was == ours or self._wins(key))

    def _wins(self, key: bytes) -> bool:
        if not self._strategy and len(self.clashes) < _PATHS_SHOWN:
            self.clashes.append(key.decode(errors="replace"))
        return self._strategy == SOURCE_WINS

    def _changed(self, destination: bytes, ours: Node, changes: list[tuple[int, bytes, bytes]]) -> bytes:
        if not changes:
            return destination
        node = ours.patched(changes)
        if node is None:
            items = ours.items()
            for index, identity, value in changes:
                items[index] = Item(items[index].key, identity, value)
            node = Node(*encode(ours.level, items))
        self._draft.put(node.id, node.body, node)
        return node.id

    def object_changes(self) -> Iterator[ThreeWayChange]:
        """Yield the source's changes where nodes end at different keys, in byte order, without conflicts."""
        for base, source, destination in self._apart:
            for change in three_way(self._draft, base, destination, source):
                if not change.conflict or self._wins(change.key):
                    yield change
                elif len(self.clashes) >= _PATHS_SHOWN:
                    return
