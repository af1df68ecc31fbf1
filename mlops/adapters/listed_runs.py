"""A file of what listings have read about commits: a commit never changes, so nothing is read twice.

It lies in the state folder and may be deleted at any time. Nothing is decided from it. Commits that no tag
and no branch leads to any more are dropped from it, so that it keeps nothing about a forgotten run.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

_FORM = 1


@dataclass
class ReadBefore:
    """Facts and results of commits, as they were read.

    Attributes:
        facts: Commit id to the facts in its metadata.
        results: Commit id to what its decision found.
    """

    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def load(state_dir: Path, repository: str) -> ReadBefore:
    """Return what earlier listings of a repository read; nothing where the file is missing or unreadable."""
    try:
        value: Any = json.loads(_file(state_dir, repository).read_bytes())
        if value["form"] == _FORM:
            return ReadBefore(_checked(value["facts"], "at_s"), _checked(value["results"], "metrics"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return ReadBefore()


def save(state_dir: Path, repository: str, read: ReadBefore, keep: Collection[str]) -> None:
    """Write what was read about the commits ``keep``; a folder that cannot be written to is no error."""
    document = {
        "form": _FORM,
        "facts": {commit: facts for commit, facts in read.facts.items() if commit in keep},
        "results": {commit: result for commit, result in read.results.items() if commit in keep},
    }
    file = _file(state_dir, repository)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(document), encoding="ascii")
        fresh.replace(file)


def _file(state_dir: Path, repository: str) -> Path:
    return state_dir / "listings" / f"{repository}.json"


def _checked(value: Any, key: str) -> dict[str, Mapping[str, Any]]:
    """Return the entries of the file that have their least key."""
    found = cast("dict[str, Any]", dict(value))
    return {commit: entry for commit, entry in found.items() if isinstance(entry, dict) and key in entry}
