"""Garbage of removed branches: commits that become unreachable, and the objects that only they hold.

An object counts if a commit of a removed branch added it and it is not reachable from `main`, a tag or
another branch. This is an upper bound: a server that stores equal contents once may free less. The server's
own garbage collection removes the bytes, by its own retention rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.errors import NotFound
from mlops.runs.main.state import read_main
from mlops.runs.ports import Commit, Lake
from mlops.runs.promotion.attempts import attempts_of
from mlops.runs.upkeep.sweep import Sweepable


@dataclass(frozen=True)
class Collectable:
    """Commits and objects that are reachable from one branch only.

    Attributes:
        commits: Commits that nothing else leads to.
        objects: Objects that they added.
        size_bytes: Their size together.
    """

    commits: int
    objects: int
    size_bytes: int


def becoming_collectable(lake: Lake, found: Iterable[Sweepable]) -> dict[str, Collectable]:
    """Return branch to its collectable commits and objects, for the branches of finished runs."""
    found = list(found)
    state = read_main(lake)
    main = list(lake.log(state.head))
    kept = {commit.id for commit in main}
    for tag, commit in state.tags.items():
        if names.is_rollback_tag(tag):
            left = _until(lake, commit, kept)
            main += left  # it was on main once
            kept |= {entry.id for entry in left}
    kept |= set(state.tags.values())
    for ref in [entry.commit for entry in found if not entry.over] + _evidence(lake, found, state.tags):
        kept |= {commit.id for commit in _until(lake, ref, kept - {ref})}
    merged = {commit.metadata.get("evidence_commit", ""): commit.id for commit in main}
    result: dict[str, Collectable] = {}
    for entry in found:
        if entry.over:
            gone = _until(lake, entry.commit, kept)
            result[entry.branch] = _counted(lake, gone, merged)
            kept |= {commit.id for commit in gone}  # a branch that shares them is not counted twice
    return result


def _evidence(lake: Lake, found: Iterable[Sweepable], tags: Mapping[str, str]) -> list[str]:
    """Return the tagged decisions of these runs, whose ancestors stay reachable."""
    parsed = filter(None, (names.parse_run_branch(entry.branch) for entry in found if entry.over))
    heads = [lake.commit_of(b) for run_id in {p.run_id for p in parsed} for b in attempts_of(lake, run_id)]
    evidence = {commit.metadata.get("evidence_commit") or commit.id for commit in heads}
    return sorted(evidence & set(tags.values()))


def _until(lake: Lake, ref: str, kept: set[str]) -> list[Commit]:
    """Return the commits from ``ref`` back to the first that is kept, newest first."""
    commits: list[Commit] = []
    for commit in lake.log(ref):
        if commit.id in kept:
            break
        commits.append(commit)
    return commits


def _counted(lake: Lake, gone: list[Commit], merged: Mapping[str, str]) -> Collectable:
    objects = size_bytes = 0
    # What was merged lies on `main` as it was committed here, though under another commit.
    known = {key for c in gone for key in (c.id, c.metadata.get("evidence_commit", "")) if key}
    also = {merged[key] for key in known if key in merged}
    for commit in gone:
        for change in lake.diff(commit.parents[0], commit.id) if commit.parents else ():
            if change.type == "removed":
                continue
            stat = lake.stat(commit.id, change.path)
            if not any(_checksum(lake, ref, change.path) == stat.checksum for ref in also):
                objects += 1
                size_bytes += stat.size_bytes
    return Collectable(len(gone), objects, size_bytes)


def _checksum(lake: Lake, ref: str, path: str) -> str:
    try:
        return lake.stat(ref, path).checksum
    except NotFound:
        return ""
