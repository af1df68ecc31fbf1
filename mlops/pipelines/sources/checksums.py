"""Declared checksums: which SHA-256 a file must have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops.runs.errors import ConfigError, InputError

_LINE = re.compile(r"(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)")


def checked_sha256(declared: Mapping[str, str]) -> Mapping[str, str]:
    """Return path to SHA-256 in lower case.

    Raises:
        ConfigError: One has not the form of a SHA-256.
    """
    for path, value in declared.items():
        if not re.fullmatch("[0-9a-fA-F]{64}", value):
            raise ConfigError("not a SHA-256: 64 hexadecimal digits", where=f"sha256: {path}")
    return {path: value.lower() for path, value in declared.items()}


def parse_sums(content: bytes, where: str) -> Mapping[str, str]:
    """Return name to SHA-256 from a file as ``sha256sum`` writes it.

    Raises:
        InputError: A line has another form.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None and line.strip():
            raise InputError(f"line {number} is not of the form: SHA-256, two spaces, name", where=where)
        if match is not None:
            found[match["name"].removeprefix("./")] = match["sha256"].lower()
    return found


def check(found: str, wanted: str, where: str) -> None:
    """Raise `InputError` where a file's SHA-256 is not the declared one."""
    if found != wanted:
        raise InputError(
            f"the file is not the one declared: its SHA-256 is {found}, declared is {wanted}",
            where=where,
            todo="deliver the file again, or correct the declaration",
        )
