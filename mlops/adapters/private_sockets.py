"""A folder for Unix domain sockets that nobody but their user can enter."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path

from mlops.runs.errors import ConfigError

#: macOS takes 103 bytes for the path of a socket, Linux 107.
MAX_PATH_BYTES = 103

_FOLDER = "sockets"
_ELSEWHERE = "sockets.path"


def folder(state_dir: Path, longest_name: str) -> Path:
    """Return the folder for the sockets of a state folder's servers, made where there is none.

    It lies in the state folder; where its path is too long for a socket, in the user's runtime folder or the
    system's folder for temporary files, and the state folder remembers where.

    Args:
        state_dir: The state folder.
        longest_name: Name of the socket with the longest name.

    Raises:
        ConfigError: The system has no such sockets, or the folder is not this user's alone.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError(
            "this system has no Unix domain sockets", where="mlops up", todo="use Linux or macOS"
        )
    own = state_dir.absolute() / _FOLDER
    if _fits(own / longest_name):
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _check(own)
    pointer = state_dir / _ELSEWHERE
    known = Path(pointer.read_text(encoding="utf-8")) if pointer.is_file() else None
    if known is not None and known.is_dir():
        return _check(known)
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix="mlops-", dir=_short_folder()))
    pointer.write_text(str(made), encoding="utf-8")
    return _check(made)


def _check(found: Path) -> Path:
    """Return a folder that is this user's alone; its mode is corrected, its owner is not."""
    state = found.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid():
        raise ConfigError("a folder for sockets must be this user's own", where=str(found), todo="remove it")
    if stat.S_IMODE(state.st_mode) != 0o700:
        found.chmod(0o700)
    return found


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= MAX_PATH_BYTES


def _short_folder() -> str:
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = named and Path(named).is_dir() and os.access(named, os.W_OK) and len(os.fsencode(named)) <= 40
    return named if usable else "/tmp"  # noqa: S108 - `mkdtemp` makes a folder of an unknown name there
