"""Keys and passwords by reference: ``env:NAME`` for a variable, ``file:PATH`` for a private file."""

from __future__ import annotations

import os
from pathlib import Path

from mlops.adapters.lake.credentials import check_private
from mlops.runs.errors import ConfigError, system_reason

_VARIABLE, _FILE = "env:", "file:"


def is_reference(value: object) -> bool:
    """Return whether a value refers to a variable or a file."""
    return isinstance(value, str) and value.startswith((_VARIABLE, _FILE)) and len(value.split(":", 1)[1]) > 0


def resolved(reference: str, folder: Path, place: str) -> str:
    """Return the secret that a reference leads to.

    Args:
        reference: The reference.
        folder: Folder that a relative path is relative to.
        place: Where the reference stands, for errors.

    Raises:
        ConfigError: The variable is not set, or the file is missing, empty or not its owner's alone.
    """
    if reference.startswith(_VARIABLE):
        name = reference.removeprefix(_VARIABLE)
        value = os.environ.get(name, "")
        if not value:
            raise ConfigError(f"the variable {name} is not set", where=place, todo=f"set {name}")
        return value
    return _content(folder / Path(reference.removeprefix(_FILE)).expanduser(), place)


def _content(file: Path, place: str) -> str:
    try:
        check_private(file)
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {system_reason(error)}", where=place) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is no text", where=place) from None
    if not text:
        raise ConfigError(f"{file} is empty", where=place, todo="write the key into it")
    return text
