"""The libraries that a pipeline outside this program imports, whose versions are part of a run's inputs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata

from mlops.pipelines.registry.packages import CodePackage
from mlops.runs.errors import ConfigError

#: The version of a module that is in no distribution, or that is not installed.
NO_VERSION = ""


def imported_modules(own: CodePackage) -> set[str]:
    """Return the top-level names of the modules that a package imports, wherever in a file, itself left out.

    Modules of Python itself are left out as well. A name that is computed when the code runs is not seen.

    Raises:
        ConfigError: One of its files is no Python.
    """
    found: set[str] = set()
    for name, path in own.files():
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise ConfigError(f"cannot be read as Python: {error}", where=name) from error
        found.update(module.partition(".")[0] for module in _named(tree))
    return found - set(sys.stdlib_module_names) - {own.name.partition(".")[0]}


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def versions_of(modules: Iterable[str]) -> Mapping[str, str]:
    """Return distribution to version of what provides modules, given by their top-level names.

    A module that no distribution provides is named ``module <name>`` and has `NO_VERSION`, so that installing
    it makes a difference.
    """
    wanted = sorted(modules)
    if not wanted:
        return {}
    # This reads the lists of files of all distributions, so it is asked for only where there is a need.
    providers = metadata.packages_distributions()
    found: dict[str, str] = {}
    for module in wanted:
        distributions = providers.get(module, ())
        found.update({name: metadata.version(name) for name in distributions})
        if not distributions:
            found[f"module {module}"] = NO_VERSION
    return found
