"""Check that a package is in a Git repository as it stands there, or that it was installed."""

from __future__ import annotations

import os
import site
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops.runs.errors import ConfigError

#: Files that Python imports.
_IMPORTED = {".py", ".pyc", ".so", ".pyd"}
_MOST_NAMED = 5
_TIMEOUT_S = 30


def check_committed(path: Path) -> None:
    """Check that a package, or a single module, has no change that is not committed.

    Args:
        path: Its folder, or its file.

    Raises:
        ConfigError: A file is changed, unknown to Git or hidden from it, or there is no repository and the
            package is not an installed one.
    """
    path = path.resolve()
    if is_installed(path):
        return
    folder = path if path.is_dir() else path.parent
    root = _git(folder, "rev-parse", "--show-toplevel")
    if root is None:
        raise ConfigError(
            "mode production runs only committed code, and this is in no Git repository that can be read",
            where=str(path),
            todo="commit it to a Git repository, or install it as a package",
        )
    found = sorted(set(_changed(folder, path)) | set(_unknown(folder, path, Path(root.rstrip("\n")))))
    if found:
        raise ConfigError(
            f"mode production runs only committed code; not committed: {some_of(found)}",
            where=str(path),
            todo="commit or remove them, or use an environment in another mode",
        )


def some_of(found: Sequence[str]) -> str:
    """Return the first few of the things found, and the number of further ones."""
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more


def is_installed(path: Path) -> bool:
    """Return whether a path is in a folder of installed packages."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), site.getusersitepackages()}
    return any(path.is_relative_to(Path(folder).resolve()) for folder in folders if folder)


def _changed(folder: Path, path: Path) -> Iterator[str]:
    """Yield the files that differ from the commit, and those that Git does not know and does not ignore."""
    told = _git(
        folder, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", str(path)
    )
    for entry in filter(None, (told or "").split("\0")):
        yield entry[3:]


def _unknown(folder: Path, path: Path, root: Path) -> Iterator[str]:
    """Yield files that Python would import although Git ignores them or does not look at their changes."""
    listed = _git(folder, "ls-files", "-v", "-z", "--full-name", "--", str(path)) or ""
    known: set[str] = set()
    for tag, name in ((entry[0], entry[2:]) for entry in listed.split("\0") if entry):
        known.add(name)
        if tag.islower() or tag == "S":  # assume-unchanged, skip-worktree
            yield name
    files = [path] if path.is_file() else path.rglob("*")
    for file in files:
        name = file.relative_to(root.resolve()).as_posix()
        if file.suffix in _IMPORTED and "__pycache__" not in file.parts and name not in known:
            yield name


def _git(folder: Path, *arguments: str) -> str | None:
    # Variables such as GIT_DIR would have another repository asked.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
