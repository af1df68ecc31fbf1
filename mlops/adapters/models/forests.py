"""Decision trees and forests: every tree takes the columns that its model is given.

The nodes of each tree were checked before it was created (`compiled_trees`), as creating it copies them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops.adapters.models.archive import refused


def check_tree(model: Any, where: str) -> Iterator[object]:
    """Raise unless a decision tree asks for the columns that its model checks; yield the tree."""
    from sklearn.tree._tree import Tree

    if "tree_" not in vars(model):
        return  # not fitted: it has nothing that could predict
    tree = model.tree_
    if type(tree) is not Tree:
        raise refused("holds a decision tree without nodes", where)
    if type(model.n_features_in_) is not int or model.n_features_in_ != tree.n_features:
        raise refused("holds a decision tree that takes other columns than its model", where)
    if model.n_outputs_ != tree.n_outputs:
        raise refused("holds a decision tree that gives other outputs than its model", where)
    yield tree


def check_forest(model: Any, where: str) -> Iterator[object]:
    """Raise unless every tree of a forest takes the columns that the forest checks."""
    from sklearn.tree import BaseDecisionTree

    if "estimators_" not in vars(model):
        return  # not fitted
    trees = model.estimators_
    if type(trees) is not list or not trees or type(model.n_features_in_) is not int:
        raise refused("holds a forest of another form", where)
    for tree in trees:
        if not isinstance(tree, BaseDecisionTree) or tree.n_features_in_ != model.n_features_in_:
            raise refused("holds a forest with a tree that takes other columns", where)
        if tree.n_outputs_ != model.n_outputs_:
            raise refused("holds a forest with a tree that gives other outputs", where)
    yield from ()
