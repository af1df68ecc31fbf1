"""Identifiers: repositories, commits, runs, arrivals, and the forms of numbers in names."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.errors import ConfigError, InputError

#: Metadata key of the signed statement that a commit carries.
STATEMENT_KEY = "statement"
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")

# Counts are written in one way each, and short enough to be numbers: two names never mean the same.
COUNT = r"[1-9][0-9]{0,8}"
NUMBER = r"(?!0{6})(?:[0-9]{6}|[1-9][0-9]{6,8})"
RUN_ID = re.compile(rf"[0-9a-f]{{12}}(?:n{COUNT})?(?:r{COUNT})?")
_RUN_PARTS = re.compile(rf"(?P<inputs>[0-9a-f]{{12}})(?:n(?P<again>{COUNT}))?(?:r(?P<restored>{COUNT}))?")
ARRIVAL = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}")
TABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_COMMIT = re.compile(r"[0-9a-f]{64}")


class RunParts(NamedTuple):
    """The parts of a run's id: inputs, deliberate repetitions, returns of its outputs."""

    inputs: str
    again: int
    restored: int


def check_repository(name: str) -> str:
    """Return ``name`` if lakeFS accepts it as a repository's, else raise `ConfigError`."""
    if not _REPOSITORY.fullmatch(name):
        raise ConfigError("not a repository name: 3 to 63 of a-z, 0-9 and -, no - first", where=repr(name))
    return name


def check_arrival(name: str) -> str:
    """Return ``name`` if it can name an arrival, else raise `InputError`."""
    if not ARRIVAL.fullmatch(name) or ".." in name:
        raise InputError(
            "not an arrival name: up to 64 of letters, digits, '_', '-' and '.', e.g. 2013-07",
            where=repr(name),
        )
    return name


def is_commit_id(text: str) -> bool:
    """Return whether ``text`` is a whole commit id (64 hexadecimal digits), not a name that may move."""
    return _COMMIT.fullmatch(text) is not None


def run_id(inputs_digest: str, again: int = 0, restored: int = 0) -> str:
    """Return the id of the run with these inputs.

    Args:
        inputs_digest: Digest of the inputs, of which the first twelve digits count.
        again: Counts deliberate repetitions of it.
        restored: Counts how often its outputs were brought back, by a run that computes none of its own.
    """
    repeated = f"n{again}" if again else ""
    return inputs_digest[:12] + repeated + (f"r{restored}" if restored else "")


def parse_run_id(run: str) -> RunParts | None:
    """Return the parts of a run's id, or None for any other text."""
    match = _RUN_PARTS.fullmatch(run)
    if match is None:
        return None
    return RunParts(match["inputs"], int(match["again"] or 0), int(match["restored"] or 0))


def checked(pattern: str, text: str) -> str:
    """Return ``text`` if it matches a pattern as a whole, else raise `InputError`."""
    if not re.fullmatch(pattern, text):
        raise InputError(f"does not match {pattern}", where=repr(text))
    return text
