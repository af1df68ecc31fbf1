"""Identity of a state folder: a copy holds the address and key of the original's server.

Which kind of lake server was last started for the folder, and for which folder that was, is in ``lake.mode``.
A folder that is moved stays itself; a copy of it is another one.
"""

from __future__ import annotations

from pathlib import Path

from mlops.runs.errors import ConfigError

MODE_FILE = "lake.mode"
DEFAULT_MODE = "embedded"


def folder_id(folder: Path) -> str:
    """Return an id that distinguishes a folder from its copies."""
    state = folder.stat()
    return f"{state.st_dev}:{state.st_ino}"


def note_mode(state_dir: Path, mode: str) -> None:
    """Note which kind of lake server was started for this very folder."""
    (state_dir / MODE_FILE).write_text(f"{mode}\n{folder_id(state_dir)}\n", encoding="ascii")


def mode(state_dir: Path) -> str:
    """Return the kind of lake server that was last started here."""
    return _noted(state_dir)[0]


def is_copy(state_dir: Path) -> bool:
    """Return whether the folder is a copy, so that its lake server is that of another folder."""
    folder = _noted(state_dir)[1]
    return bool(folder) and folder != folder_id(state_dir)


def check_original(state_dir: Path) -> None:
    """Check that the folder's address and key are its own.

    Raises:
        ConfigError: The folder is a copy, for which no server was started yet.
    """
    if is_copy(state_dir):
        raise ConfigError(
            "this state folder is a copy: the address in it is that of the original's server",
            where=str(state_dir),
            todo="`mlops up` starts a server for the copy",
        )


def _noted(state_dir: Path) -> tuple[str, str]:
    try:
        text = (state_dir / MODE_FILE).read_text(encoding="ascii", errors="replace")
    except OSError:
        return DEFAULT_MODE, ""
    kind, _, folder = text.partition("\n")
    return kind.strip(), folder.strip()
