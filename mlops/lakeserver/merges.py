"""Three-way merge of trees, one object at a time; contents are never mixed."""

from __future__ import annotations

from mlops.lakeserver.diffs import three_way
from mlops.lakeserver.errors import BadRequest, MergeConflict
from mlops.lakeserver.nodes import NodeStore
from mlops.lakeserver.trees import Edit, apply

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
    """What `source` changed since `base`, applied to `destination`.

    Raises:
        MergeConflict: both changed a path differently and `strategy` does not say which wins.
    """
    tree, edits, clashes = destination, [], []
    for change in three_way(nodes, base, destination, source):
        if change.conflict:
            if strategy == DEST_WINS:
                continue
            if strategy != SOURCE_WINS:
                clashes.append(change.key.decode(errors="replace"))
                if len(clashes) >= _PATHS_SHOWN:
                    break
        edits.append(Edit(change.key, change.right))
        if len(edits) >= _BATCH and not clashes:
            tree, edits = apply(nodes, tree, edits), []
    if clashes:
        raise MergeConflict(clashes)
    return apply(nodes, tree, edits) if edits else tree
