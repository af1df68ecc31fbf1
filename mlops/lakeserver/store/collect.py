"""Removing what nothing refers to: commits without a name, their trees, and bytes of no object.

Every commit that is kept is whole: its parents, its tree and the bytes of its objects are kept too. What is
removed was unreferenced when the store was looked at, and still is in the transaction that removes it;
whoever computed something from what is gone meanwhile is told to compute again (`Removed`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from mlops.lakeserver.errors import StorageDamaged
from mlops.lakeserver.store import Store, Transaction
from mlops.lakeserver.store.node_cache import count_removal
from mlops.lakeserver.store.records import ID_BYTES, Execute
from mlops.lakeserver.trees.entries import digest_of
from mlops.lakeserver.trees.nodes import EMPTY_ID, NO_TREE, Node

YOUNG_S = 24 * 3600
LINKED = "linked"

_BATCH = 5_000
_FILES_BATCH = 500

CommitKey = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Collected:
    """The objects that were removed, or would be.

    Attributes:
        commits: commits that no branch and no tag leads to.
        nodes: parts of their trees.
        objects: contents that no object has.
        files: files of large contents, and uploads that were never linked.
        size_bytes: of all that together; the database file keeps its size and uses the room again.
    """

    commits: int = 0
    nodes: int = 0
    objects: int = 0
    files: int = 0
    size_bytes: int = 0

    def as_json(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


def collect(
    store: Store, *, dry_run: bool = False, clock: Callable[[], float] = time.time, young_s: float = YOUNG_S
) -> Collected:
    """Remove what no branch, tag, uncommitted object or young commit leads to; says what, and how much.

    Branches of open pull requests are branches. Read-only repositories keep every commit: a restore writes
    commits there before their branches. It may run while the server works.

    Args:
        store: where it is removed.
        dry_run: only look.
        clock: seconds since 1970.
        young_s: commits and unlinked uploads younger than this stay.

    Raises:
        StorageDamaged: the store is not whole, so that nothing can be said of it; nothing was removed.
    """
    with store.maintenance:
        marks = _Marks(young_since_ns=int((clock() - young_s) * 1e9))
        with store.database.snapshot() as connection:
            waste = marks.look(connection)
        linked = _old_files(store.directory / LINKED, clock() - young_s)
        if dry_run:
            return _foreseen(store, waste, linked)
        return _Removal(store, marks, waste).run(linked)


@dataclass(frozen=True)
class _Waste:
    """The unreferenced objects: node ids (parents before children) and digests, with sizes in bytes."""

    commits: set[CommitKey]
    nodes: dict[bytes, int]
    blobs: dict[bytes, int]


class _Marks:
    """The referenced objects found so far."""

    def __init__(self, young_since_ns: int) -> None:
        self._young_since_ns = young_since_ns
        self._commits: set[CommitKey] = set()
        self._last_seq = -1
        self.nodes: set[bytes] = {NO_TREE, EMPTY_ID}
        self.blobs: set[bytes] = set()

    def look(self, connection: sqlite3.Connection) -> _Waste:
        """Mark everything referred to in the state that `connection` sees; return the rest of it."""
        execute = connection.execute
        dropped = self.catch_up(execute)
        nodes = [
            (-level[0], node_id, size)
            for node_id, level, size in execute("SELECT id, substr(body, 2, 1), length(body) FROM nodes")
            if node_id not in self.nodes
        ]
        blobs = {
            digest: size
            for digest, size in execute("SELECT digest, size FROM blobs")
            if digest not in self.blobs
        }
        return _Waste(dropped, {node_id: size for _, node_id, size in sorted(nodes)}, blobs)

    def catch_up(self, execute: Execute) -> set[CommitKey]:
        """Mark what is referred to now and was not yet marked; return the commits that can go."""
        kept, dropped = self._kept_commits(execute)
        for rid, commit_id in kept - self._commits:
            row = execute("SELECT tree FROM commits WHERE rid = ? AND id = ?", (rid, commit_id)).fetchone()
            self._mark_tree(execute, row[0])
        self._commits |= kept
        last_seq = self._last_seq
        for seq, value in execute("SELECT seq, value FROM staging WHERE seq > ?", (last_seq,)):
            self._last_seq = max(self._last_seq, seq)
            if value is not None:
                self.blobs.add(digest_of(value))
        return dropped

    def _kept_commits(self, execute: Execute) -> tuple[set[CommitKey], set[CommitKey]]:
        rows = {
            (rid, commit_id): (parents, created_ns)
            for rid, commit_id, parents, created_ns in execute(
                "SELECT rid, id, parents, created_ns FROM commits"
            )
        }
        waiting = list(execute("SELECT rid, commit_id FROM branches"))
        waiting += execute("SELECT rid, commit_id FROM tags")
        waiting += execute("SELECT rid, c.id FROM commits c JOIN repositories USING (rid) WHERE read_only")
        waiting += [key for key, (_, created_ns) in rows.items() if created_ns >= self._young_since_ns]
        kept: set[CommitKey] = set()
        while waiting:
            key = waiting.pop()
            if key in kept:
                continue
            if key not in rows:
                raise StorageDamaged(f"commit {key[1].hex()} is missing: look at all of the store first")
            kept.add(key)
            parents = rows[key][0]
            waiting += [(key[0], parents[at : at + ID_BYTES]) for at in range(0, len(parents), ID_BYTES)]
        return kept, rows.keys() - kept

    def _mark_tree(self, execute: Execute, root: bytes) -> None:
        waiting = [root]
        while waiting:
            node_id = waiting.pop()
            if node_id in self.nodes:
                continue
            row = execute("SELECT body FROM nodes WHERE id = ?", (node_id,)).fetchone()
            if row is None:
                raise StorageDamaged(f"tree node {node_id.hex()} is missing: look at all of the store first")
            self.nodes.add(node_id)
            node = Node(node_id, row[0])
            if node.level:
                waiting += [node.identity(index) for index in range(len(node))]
            else:
                self.blobs.update(digest_of(node.value(index)) for index in range(len(node)))


class _Removal:
    """One round of removing, in transactions short enough for others to write in between."""

    def __init__(self, store: Store, marks: _Marks, waste: _Waste) -> None:
        self._store = store
        self._marks = marks
        self._waste = waste
        self._bytes = 0

    def run(self, linked: list[Path]) -> Collected:
        commits = self._store.write_alone(self._drop_commits)
        nodes = self._drop("nodes", "id", self._waste.nodes, self._marks.nodes)
        objects = self._drop("blobs", "digest", self._waste.blobs, self._marks.blobs)
        files = sum(
            self._store.write_alone(lambda tx, part=part: self._unlink(tx, part))
            for part in _parts(_orphans(self._store), _FILES_BATCH)
        )
        for path in linked:
            self._bytes += path.stat().st_size
            path.unlink()
        return Collected(commits, nodes, objects, files + len(linked), self._bytes)

    def _drop_commits(self, tx: Transaction) -> int:
        dropped = self._marks.catch_up(tx.execute)
        if dropped:
            count_removal(tx)
        tx.executemany("DELETE FROM commits WHERE rid = ? AND id = ?", dropped)
        return len(dropped)

    def _drop(self, table: str, key: str, waste: dict[bytes, int], marked: set[bytes]) -> int:
        def work(tx: Transaction, part: Iterable[bytes]) -> tuple[int, int]:
            self._marks.catch_up(tx.execute)
            gone = [name for name in part if name not in marked]
            if gone:
                count_removal(tx)
            statement = f"DELETE FROM {table} WHERE {key} = ?"  # noqa: S608 - names from above
            tx.executemany(statement, [(name,) for name in gone])
            return len(gone), sum(waste[name] for name in gone)

        count = 0
        for part in _parts(waste, _BATCH):
            found, size = self._store.write_alone(lambda tx, part=part: work(tx, part))
            count += found
            self._bytes += size
        return count

    def _unlink(self, tx: Transaction, paths: Iterable[Path]) -> int:
        """Remove files that still belong to nothing; the writer does it, so none comes back meanwhile."""
        count = 0
        for path in paths:
            if not _row_of(tx.execute, path):
                if bytes.fromhex(path.parent.name + path.name) not in self._waste.blobs:
                    self._bytes += path.stat().st_size
                self._store.files.remove(path)
                count += 1
        return count


T = TypeVar("T")


def _parts(things: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(things)
    while part := list(islice(iterator, size)):
        yield part


def _row_of(execute: Execute, path: Path) -> bool:
    digest = bytes.fromhex(path.parent.name + path.name)
    found = execute("SELECT 1 FROM blobs WHERE digest = ? AND body IS NULL", (digest,)).fetchone()
    return found is not None


def _orphans(store: Store) -> Iterator[Path]:
    """Yield the files that are the bytes of nothing."""
    execute = store.database.reader.execute
    for path in store.blobs.paths():
        if not _row_of(execute, path):
            yield path


def _old_files(folder: Path, before: float) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < before]


def _foreseen(store: Store, waste: _Waste, linked: list[Path]) -> Collected:
    files = [path for path in map(store.blobs.path, waste.blobs) if path.exists()]
    orphans = list(_orphans(store))
    size = sum(waste.nodes.values()) + sum(waste.blobs.values())
    size += sum(path.stat().st_size for path in (*orphans, *linked))
    return Collected(
        len(waste.commits), len(waste.nodes), len(waste.blobs), len(files) + len(orphans) + len(linked), size
    )
