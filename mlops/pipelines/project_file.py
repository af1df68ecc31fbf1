"""The project's own file: ``[tool.mlops]`` of the nearest ``pyproject.toml``, from this folder upwards."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.runs.errors import ConfigError, system_reason

FILE_NAME = "pyproject.toml"


@dataclass(frozen=True)
class ProjectFile:
    """A ``pyproject.toml``.

    Attributes:
        path: The file.
        settings: Content of ``[tool.mlops]``; empty where there is no such table.
    """

    path: Path
    settings: Mapping[str, Any]

    def table(self, name: str) -> Mapping[str, Any]:
        """Return ``[tool.mlops.<name>]``; empty where there is none.

        Raises:
            ConfigError: It is no table.
        """
        found = self.settings.get(name, {})
        if not isinstance(found, dict):
            raise ConfigError("must be a table", where=f"{self.path}: tool.mlops.{name}")
        return found


def nearest_project(folder: Path | None = None) -> ProjectFile | None:
    """Return the nearest ``pyproject.toml`` in a folder or above it; None where there is none.

    Raises:
        ConfigError: It cannot be read, or is not TOML.
    """
    start = (folder or Path.cwd()).absolute()
    path = next(
        (place / FILE_NAME for place in [start, *start.parents] if (place / FILE_NAME).is_file()), None
    )
    if path is None:
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", where=str(path)) from None
    settings = content.get("tool", {}).get("mlops", {})
    if not isinstance(settings, dict):
        raise ConfigError("must be a table", where=f"{path}: tool.mlops")
    return ProjectFile(path, settings)
