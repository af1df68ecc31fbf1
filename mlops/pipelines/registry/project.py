"""The project folder: its ``pyproject.toml``, who may change it, and the import of its code."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from mlops.runs.errors import ConfigError, system_reason

FILE_NAME = "pyproject.toml"
TABLE = "tool.mlops.pipelines"

_MAX_BYTES = 1 << 20
#: Folders of a project from which its code is imported, in this order.
_ROOTS = ("src", "")


class Entry(NamedTuple):
    """An entry of the table.

    Attributes:
        target: Its value.
        line: Number of its line.
    """

    target: str
    line: int


def find(folder: Path, name: str = FILE_NAME) -> Path | None:
    """Return the nearest file of a name, ``pyproject.toml`` by default, in a folder or above it, or None."""
    for parent in (folder, *folder.parents):
        file = parent / name
        if file.is_file():
            return file
    return None


def table(file: Path) -> Mapping[str, Entry]:
    """Return what a ``pyproject.toml`` declares: name to target and line; nothing without the table.

    Raises:
        ConfigError: The file cannot be read, or the table is none.
    """
    found, text = settings(file, TABLE, "a table of name = 'package.module:SPEC'")
    lines = text.splitlines()
    return {
        str(name): Entry(target if isinstance(target, str) else repr(target), _line(lines, str(name)))
        for name, target in found.items()
    }


def settings(file: Path, key: str, form: str = "a table") -> tuple[dict[str, Any], str]:
    """Return the table of a ``pyproject.toml`` at a dotted key (empty: none), and its text.

    Args:
        file: The file.
        key: Dotted key of the table, e.g. ``tool.mlops.sources``.
        form: Form of the table, for the error.

    Raises:
        ConfigError: The file cannot be read, or the table is none.
    """
    found, text = document(file)
    for part in key.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise ConfigError(f"{key} must be {form}", where=str(file))
    return found, text


def document(file: Path) -> tuple[object, str]:
    """Return the content of a TOML file, parsed and as text.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"is longer than {_MAX_BYTES:,} bytes", where=str(file))
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(file)) from error
    except (ValueError, RecursionError) as error:  # of TOML and of UTF-8
        raise ConfigError(f"cannot be read as TOML: {error}", where=str(file)) from error


def _line(lines: Sequence[str], name: str) -> int:
    """Return the number of the line that declares a name: the first one after the table's header."""
    header = next((n for n, line in enumerate(lines) if re.match(rf"\s*\[\s*{TABLE}\s*]", line)), -1)
    pattern = re.compile(rf"""(?:^|[\s.{{,])["']?{re.escape(name)}["']?\s*=""")
    for number, line in enumerate(lines[header + 1 :], header + 2):
        if pattern.search(line):
            return number
    return max(header + 1, 1)


def check_owned(path: Path) -> None:
    """Return if nobody but its owner, the superuser and its group can change a file or folder.

    The owner must be the user of this process or the superuser. Members of the group were given the right to
    change it on purpose; everybody else was not.

    Raises:
        ConfigError: Somebody else can, so it is not imported.
    """
    if os.name == "nt":
        return
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            "belongs to another user, so no pipeline of this project is loaded",
            where=str(path),
            todo="copy the project, or install it as a package",
        )
    if found.st_mode & 0o002:
        raise ConfigError(
            "can be changed by every user of this machine, so no pipeline of this project is loaded",
            where=str(path),
            todo=f"chmod o-w {path}",
        )


def check_owned_below(folder: Path) -> None:
    """Check a folder and everything in it that is read as code or configuration."""
    for path in _read(folder):
        check_owned(path)


def _read(path: Path) -> Iterable[Path]:
    yield path
    if path.is_dir():
        for parent, folders, files in os.walk(path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            yield from (Path(parent) / name for name in (*folders, *files))


class _ProjectFinder:
    """Finds the top-level packages that projects declare, after everything that is installed.

    The project's folder is not put on the search path: nothing else that lies in it can be imported, and
    nothing in it can take the place of an installed module.
    """

    def __init__(self) -> None:
        self._roots: dict[str, str] = {}

    def add(self, package: str, root: Path) -> None:
        """Make a top-level package or module of a folder importable."""
        self._roots[package] = str(root)
        if self not in sys.meta_path:
            sys.meta_path.append(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a declared top-level package is."""
        root = self._roots.get(fullname) if path is None else None
        return importlib.machinery.PathFinder.find_spec(fullname, [root], target) if root else None


_finder = _ProjectFinder()


def make_importable(module: str, folder: Path, place: str) -> None:
    """Let the top-level package of a module be imported from a project, and only from there.

    Raises:
        ConfigError: The project does not have it, others can change it, or another package has its name.
    """
    top = module.partition(".")[0]
    origin, root = _origin(top, folder)
    if origin is None or root is None:
        raise ConfigError(
            f"there is no module {top} in {folder} or its src folder", where=place, todo="correct the entry"
        )
    taken = _taken_by(top)
    if taken is not None and taken.resolve() != origin.resolve():
        raise ConfigError(
            f"the module {top} of the project has the name of another one, {taken}",
            where=place,
            todo="rename the project's module",
        )
    if root != folder:
        check_owned(root)
    check_owned_below(origin if origin.name != "__init__.py" else origin.parent)
    if taken is None:
        _finder.add(top, root)


def _origin(top: str, folder: Path) -> tuple[Path, Path] | tuple[None, None]:
    """Return the file or folder of a top-level package and the folder that it lies in."""
    importlib.invalidate_caches()
    for name in _ROOTS:
        root = folder / name if name else folder
        found = importlib.machinery.PathFinder.find_spec(top, [str(root)])
        if found is not None and found.origin is not None:
            return Path(found.origin), root
        if found is not None and found.submodule_search_locations:
            return Path(next(iter(found.submodule_search_locations))), root
    return None, None


def _taken_by(top: str) -> Path | None:
    """Return where Python finds a top-level package now; None where it finds none."""
    try:
        found = importlib.util.find_spec(top)
    except ValueError:  # a module without a specification, such as __main__
        return Path(top)
    if found is None:
        return None
    locations = list(found.submodule_search_locations or ())
    return Path(found.origin if found.has_location and found.origin else (locations or [top])[0])
