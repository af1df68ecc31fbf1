"""The types that a saved model may contain: exact names, each with the loader that restores it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class SavedType(NamedTuple):
    """One entry of a pipeline's list: a class or function, and the only loader that may restore it.

    The loader is part of the entry, because a class that is harmless when its attributes are set may run
    code when it is called with arguments from a file.

    Attributes:
        loader: Name of the skops loader that restores it.
        module: Module that defines it.
        name: Its name there.
    """

    loader: str
    module: str
    name: str

    @property
    def path(self) -> str:
        """Return module and name, joined by a dot."""
        return f"{self.module}.{self.name}"


def objects(*paths: str) -> tuple[SavedType, ...]:
    """Return entries for classes whose instances are restored by setting their attributes."""
    return _entries("ObjectNode", paths)


def functions(*paths: str) -> tuple[SavedType, ...]:
    """Return entries for functions that a model refers to; restoring a model does not call them."""
    return _entries("FunctionNode", paths)


def partials(*paths: str) -> tuple[SavedType, ...]:
    """Return entries for `functools.partial` objects of these functions, with plain values as arguments."""
    return _entries("PartialNode", paths)


def losses(*paths: str) -> tuple[SavedType, ...]:
    """Return entries for scikit-learn's compiled loss classes, which are called with plain numbers."""
    return _entries("LossNode", paths)


#: The node storage of scikit-learn's decision trees and forests.
TREE = SavedType("TreeNode", "sklearn.tree._tree", "Tree")


def _entries(loader: str, paths: tuple[str, ...]) -> tuple[SavedType, ...]:
    return tuple(SavedType(loader, *path.rpartition(".")[::2]) for path in paths)


#: Libraries whose types a pipeline may list; which of them may be restored is said by the adapter.
LIBRARIES = ("numpy", "pandas", "scipy", "sklearn")
#: Libraries whose models are texts or bytes that compiled code parses, which nobody can check before.
PARSED = ("catboost", "lightgbm", "xgboost")


def outside_of(types: Iterable[SavedType], package: str) -> list[str]:
    """Return the listed types that are neither of a known library nor of a package, ascending.

    Args:
        types: A pipeline's list.
        package: Dotted name of the package that is the pipeline's own.
    """
    return sorted({kind.path for kind in types if not _within(kind.module, (*LIBRARIES, package))})


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def parsed_of(types: Iterable[str]) -> list[str]:
    """Return the paths of types whose content compiled code parses when they are restored, ascending."""
    return sorted({path for path in types if _within(path, PARSED)})
