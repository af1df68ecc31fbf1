"""Dump of a repository through lakeFS's API: history, branches, tags, metadata, rules and objects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from mlops.adapters.lake.connection import Connection, pages
from mlops.adapters.lake.objects import LakeObjects
from mlops.lake_transfer.archive import PARTS_SUFFIX, Writing, pack
from mlops.runs.errors import ConfigError

CLIENTS = 8
TELL_EVERY_S = 2.0

_ANCESTORS = 100
_BATCH = 500


@dataclass(frozen=True)
class Moved:
    """The result of a dump or restore.

    Attributes:
        objects: Versions of objects that commits brought.
        notes: What is not the same there, one sentence each.
    """

    commits: int
    branches: int
    tags: int
    objects: int
    size_bytes: int
    notes: list[str]


class Ticker:
    """A progress reporter that reports at most every `TELL_EVERY_S`."""

    def __init__(self, tell: Callable[[str], None], total: int, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._total = total
        self._clock = clock
        self._last = clock()
        self._commits = 0
        self.objects = 0
        self.size_bytes = 0

    def add_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count the changed objects of a commit, and report progress if it is time."""
        sizes = [row["size_bytes"] for row in rows if "object" in row]
        self.objects += len(sizes)
        self.size_bytes += sum(sizes)
        self.at(self._commits)

    def at(self, commits: int) -> None:
        """Report the number of finished commits if it is time."""
        self._commits = commits
        if self._clock() - self._last >= TELL_EVERY_S:
            self._last = self._clock()
            moved = f"{self.objects:,} objects, {self.size_bytes / 1_000_000:,.1f} MB"
            self._tell(f"{commits:,} of {self._total:,} commits, {moved}")


def dump(
    connection: Connection,
    repository: str,
    place: Path,
    *,
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Moved:
    """Write a repository to a folder, or to one file where ``place`` has the suffix ``.zip``.

    After an interruption the next call continues it.

    Raises:
        ConfigError: Something else is in the place.
        NotFound: There is no such repository, or an object's bytes are gone.
    """
    if place.suffix != ".zip":
        return _Dump(connection, repository, place, tell, clock).run()
    if place.exists():
        raise ConfigError("there is a file of that name already", where=str(place), todo="name another place")
    folder = place.with_name(place.name + PARTS_SUFFIX)
    moved = _Dump(connection, repository, folder, tell, clock).run()
    pack(folder, place)
    return moved


class _Dump:
    def __init__(
        self,
        connection: Connection,
        repository: str,
        folder: Path,
        tell: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._api = connection.api
        self._repository = repository
        self._objects = LakeObjects(connection, repository)
        with self._calls():
            self._about = self._api.repositories_api.get_repository(repository)
        source = {"repository": repository, "created": self._about.creation_date}
        self._writing = Writing(folder, source)
        self._tell, self._clock = tell, clock
        self._known = self._writing.known()

    def _calls(self, *at: str) -> AbstractContextManager[None]:
        return self._connection.calls("/".join((self._repository, *at)))

    def run(self) -> Moved:
        with self._calls():
            refs = self._refs()
        heads = [ref["commit"] for ref in (*refs["branches"], *refs["tags"])]
        commits = self._history(heads)
        ticker = Ticker(self._tell, len(commits), self._clock)
        with ThreadPoolExecutor(CLIENTS, "lake-dump") as pool:
            for number, commit in enumerate(commits):
                self._keep_tree(commit, pool, ticker)
                commit["tree_sha256"] = self._writing.tree_sha256(commit["id"])
                ticker.at(number + 1)
        notes = self._left_out(refs["branches"])
        with self._calls():
            document = self._document(refs, notes)
        counts = {"commits": len(commits), "objects": ticker.objects, "size_bytes": ticker.size_bytes}
        self._writing.finish({**document, **counts}, commits)
        return Moved(branches=len(refs["branches"]), tags=len(refs["tags"]), notes=notes, **counts)

    def _refs(self) -> dict[str, list[dict[str, Any]]]:
        rows = self._api.branches_api.list_branches
        shown = {row.id for row in pages(rows, self._repository)}
        branches = [
            {"id": row.id, "commit": row.commit_id, "hidden": row.id not in shown}
            for row in pages(rows, self._repository, show_hidden=True)
        ]
        tags = [
            {"id": row.id, "commit": row.commit_id}
            for row in pages(self._api.tags_api.list_tags, self._repository)
        ]
        return {"branches": branches, "tags": tags}

    def _document(self, refs: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
        api = self._api.repositories_api
        rules = api.get_branch_protection_rules(self._repository)
        return {
            "repository": self._repository,
            "default_branch": self._about.default_branch,
            "metadata": dict(api.get_repository_metadata(self._repository)),
            "protection": [rule.pattern for rule in rules],
            "left_out": notes,
            **refs,
        }

    def _history(self, heads: list[str]) -> list[dict[str, Any]]:
        """Return every commit reachable from a head, parents before children."""
        known: dict[str, dict[str, Any]] = {}
        waiting = list(heads)
        while waiting:
            commit_id = waiting.pop()
            if commit_id not in known:
                with self._calls(commit_id):
                    fetched = dict(self._ancestors(commit_id))
                known.update(fetched)
                waiting += [parent for row in fetched.values() for parent in row["parents"]]
        wanted, waiting = set(), list(heads)
        while waiting:
            commit_id = waiting.pop()
            if commit_id not in wanted:
                wanted.add(commit_id)
                waiting += known[commit_id]["parents"]
        graph = {commit_id: known[commit_id]["parents"] for commit_id in sorted(wanted)}
        return [known[commit_id] for commit_id in TopologicalSorter(graph).static_order()]

    def _ancestors(self, commit_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        page = self._api.refs_api.log_commits(self._repository, commit_id, amount=_ANCESTORS)
        for row in page.results:
            yield (
                row.id,
                {
                    "id": row.id,
                    "parents": list(row.parents),
                    "committer": row.committer,
                    "message": row.message,
                    "creation_date": row.creation_date,
                    "meta_range_id": row.meta_range_id,
                    "metadata": dict(row.metadata or {}),
                    "generation": row.generation,
                    "version": row.version,
                },
            )

    def _keep_tree(self, commit: Mapping[str, Any], pool: ThreadPoolExecutor, ticker: Ticker) -> None:
        rows = self._writing.tree(commit["id"])
        if rows is None:
            with self._calls(commit["id"]):
                changes = self._changes(commit)
            rows = []
            for start in range(0, len(changes), _BATCH):
                batch = changes[start : start + _BATCH]
                rows += self._keep_objects(pool.map(partial(self._row, commit["id"]), batch), ticker)
            self._writing.put_tree(commit["id"], rows)
        else:
            ticker.add_all(rows)

    def _keep_objects(self, rows: Iterable[dict[str, Any]], ticker: Ticker) -> list[dict[str, Any]]:
        found = list(rows)
        objects = [row for row in found if "object" in row]
        self._known.update((row["address"], row["object"]) for row in objects)
        self._writing.note(objects)
        ticker.add_all(objects)
        return found

    def _changes(self, commit: Mapping[str, Any]) -> list[Any]:
        """Return the changes of a commit: rows of a diff; for a first commit, its objects."""
        if commit["parents"]:
            diff = self._api.refs_api.diff_refs
            return list(pages(diff, self._repository, commit["parents"][0], commit["id"], type="two_dot"))
        ls = self._api.objects_api.list_objects
        return list(pages(ls, self._repository, commit["id"], user_metadata=True, presign=False))

    def _row(self, commit_id: str, change: Any) -> dict[str, Any]:
        if getattr(change, "type", "") == "removed":
            return {"path": change.path, "removed": True}
        stats = change
        if not hasattr(change, "checksum"):
            with self._calls(commit_id, change.path):
                stats = self._api.objects_api.stat_object(
                    self._repository, commit_id, change.path, user_metadata=True, presign=False
                )
        sha256 = self._known.get(stats.physical_address)
        if sha256 is None:
            sha256 = self._writing.put_object(self._objects.chunks(commit_id, change.path))
        return {
            "path": stats.path,
            "object": sha256,
            "size_bytes": stats.size_bytes,
            "checksum": stats.checksum,
            "mtime": stats.mtime,
            "content_type": stats.content_type,
            "metadata": dict(stats.metadata or {}),
            "address": stats.physical_address,
        }

    def _left_out(self, branches: list[dict[str, Any]]) -> list[str]:
        """Return the parts of the repository that the dump does not contain."""
        notes = []
        for row in branches:
            with self._calls(row["id"]):
                if self._api.branches_api.diff_branch(self._repository, row["id"], amount=1).results:
                    notes.append(f"uncommitted changes of branch {row['id']} are left out")
        return [*notes, "pull requests and runs of hooks are left out"]
