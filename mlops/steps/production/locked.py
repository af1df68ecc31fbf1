"""Check that the installed packages are those of a lock file."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops.runs.errors import ConfigError, system_reason
from mlops.steps.production.committed import some_of

#: Packages that install others and belong to no lock.
_INSTALLERS = {"pip", "setuptools", "wheel", "uv"}
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:==\s*(?P<version>[^\s;\\,]+)|@)")

#: Name to the versions that are pinned; empty for a package from an address, of any version.
Pins = Mapping[str, set[str]]


def check_locked(lock_file: Path, own: Iterable[str] = ()) -> None:
    """Check that every installed package is pinned by a lock file, in the installed version.

    Pinned packages that are not installed cannot run and do not matter: a lock may be for several platforms.

    Args:
        lock_file: Requirements with ``==``, ``uv.lock``, ``poetry.lock`` or ``pylock.toml``.
        own: Names of packages that are checked as code, not as packages.

    Raises:
        ConfigError: It cannot be read, pins nothing, or the installed packages differ from it.
    """
    pins, ignored = pinned(lock_file), _INSTALLERS | {_plain(name) for name in own}
    different = [
        f"{name} {version} ({_told(pins.get(name))})"
        for name, version in sorted(installed().items())
        if name not in ignored and not _matches(version, pins.get(name))
    ]
    if different:
        raise ConfigError(
            f"mode production runs only the packages of the lock; installed are {some_of(different)}",
            where=str(lock_file),
            todo="install exactly what the lock names",
        )


def pinned(lock_file: Path) -> Pins:
    """Return the pins of a lock file.

    Raises:
        ConfigError: It cannot be read, or pins nothing.
    """
    try:
        text = lock_file.read_text(encoding="utf-8")
        rows = _of_toml(tomllib.loads(text)) if "[[package" in text else _of_lines(text)
    except OSError as error:
        raise ConfigError(f"cannot be read: {system_reason(error)}", where=str(lock_file)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read as a lock file: {error}", where=str(lock_file)) from None
    found: dict[str, set[str]] = {}
    for name, version in rows:
        found.setdefault(_plain(name), set()).update({version} - {""})
    if not found:
        raise ConfigError("pins no package", where=str(lock_file), todo="name a lock file")
    return found


def installed() -> dict[str, str]:
    """Return name to version of the packages that Python finds, by the names of their folders."""
    found: dict[str, str] = {}
    for entry in sys.path:
        for folder in Path(entry or ".").glob("*.dist-info"):
            name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
            found.setdefault(_plain(name), version)
    return found


def _of_lines(text: str) -> list[tuple[str, str]]:
    return [(m["name"], m["version"] or "") for line in text.splitlines() if (m := _PIN.match(line))]


def _of_toml(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [*document.get("package", []), *document.get("packages", [])]
    return [(str(row["name"]), str(row.get("version", ""))) for row in rows if "name" in row]


def _told(pins: set[str] | None) -> str:
    return f"the lock has {', '.join(sorted(pins))}" if pins else "not in the lock"


def _matches(version: str, pins: set[str] | None) -> bool:
    if pins is None:
        return False
    # A build of its own (2.1.0+cpu) is what a pin without one (2.1.0) asks for.
    return not pins or version in pins or version.partition("+")[0] in pins


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
