"""The line of each key of a TOML file, which the parser of the standard library does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

Path = tuple[str, ...]

_PART = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\s*(?P<key>{_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*(?P<key>{_DOTTED})\s*=")
_MULTILINE = re.compile(r'"""|\'\'\'')


def lines_of(text: str) -> dict[Path, int]:
    """Return the path of each table and key to the number of its line; of an inline table only its own."""
    found: dict[Path, int] = {}
    table: Path = ()
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _path(header["key"])
                _note(found, table, number)
            elif key:
                _note(found, table + _path(key["key"]), number)
        inside ^= len(_MULTILINE.findall(line)) % 2 == 1
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a key, or that of the nearest table around it."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


def _note(found: dict[Path, int], path: Path, number: int) -> None:
    for end in range(1, len(path) + 1):
        found.setdefault(path[:end], number)


def _path(key: str) -> Path:
    value: object = tomllib.loads(f"{key} = 0")
    parts: list[str] = []
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        parts.append(str(name))
    return tuple(parts)
