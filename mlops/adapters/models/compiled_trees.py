"""Arrays of trees that scikit-learn's compiled code uses as indices without bounds checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.adapters.models.archive import refused

if TYPE_CHECKING:
    import numpy as np

_MAX_OUTPUTS = 10_000
_LEAF = -1


def check_tree_nodes(
    *,
    features: Any,
    classes: np.ndarray,
    outputs: Any,
    nodes: np.ndarray,
    values: np.ndarray,
    counted: Any,
    depth: Any,
    where: str,
) -> None:
    """Raise `InputError` unless a decision tree can be walked without leaving its arrays or going in circles.

    Args:
        features: How many columns it takes.
        classes: Classes per output.
        outputs: How many outputs it has.
        nodes: Its nodes.
        values: Values per node, output and class.
        counted: How many nodes it claims to have.
        depth: How deep it claims to be.
        where: Name of the file.
    """
    import numpy as np
    from sklearn.tree._tree import NODE_DTYPE

    whole = all(type(value) is int for value in (features, outputs, counted, depth))
    if not whole or not features > 0 or not 0 < outputs <= _MAX_OUTPUTS or depth < 0:
        raise refused("has a decision tree of another form", where)
    if classes.dtype != np.intp or classes.shape != (outputs,) or (classes < 1).any():
        raise refused("has a decision tree without a number of classes for each output", where)
    if nodes.dtype != NODE_DTYPE or nodes.ndim != 1 or not 0 < len(nodes) == counted:
        raise refused("has a decision tree with nodes of another form", where)
    if values.dtype != np.float64 or values.shape != (len(nodes), outputs, int(classes.max())):
        raise refused("has a decision tree whose values do not belong to its nodes", where)
    inner = nodes["left_child"] != _LEAF
    check_children(nodes["left_child"], nodes["right_child"], inner, where)
    asked = nodes["feature"][inner]
    if ((asked < 0) | (asked >= features)).any():
        raise refused("has a decision tree that asks for a column that there is not", where)
    if (nodes["missing_go_to_left"] > 1).any():
        raise refused("has a decision tree with a flag that is neither 0 nor 1", where)


def check_children(left: np.ndarray, right: np.ndarray, inner: np.ndarray, where: str) -> None:
    """Raise unless each inner node's children come after it and are nodes: then every way ends at a leaf."""
    import numpy as np

    places = np.flatnonzero(inner)
    for children in (left, right):
        found = children[places].astype(np.int64)
        if (found <= places).any() or (found >= len(inner)).any():
            raise refused("has a tree with a child that is no later node: it would never end", where)
