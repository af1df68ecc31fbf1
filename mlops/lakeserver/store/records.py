"""The records of a repository as rows of the store, without rules."""

# ruff: noqa: S608 - the only names put into statements are the columns listed here

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

ID_BYTES = 32

Execute = Callable[..., sqlite3.Cursor]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository.

    Attributes:
        rid: its number in this store, never used again after it is deleted.
        created: unix seconds.
        namespace: what physical addresses begin with, without a slash at the end.
        protection: the branch protection rules as JSON, '' where none were ever set.
    """

    rid: int
    id: str
    created: int
    default_branch: str
    namespace: str
    read_only: bool
    protection: str


class Branch(NamedTuple):
    """A branch: its head, the head's tree, and the token under which its uncommitted changes are kept."""

    id: str
    commit_id: bytes
    tree: bytes
    token: int
    hidden: bool


class Tag(NamedTuple):
    """A name for a commit."""

    id: str
    commit_id: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; its id is the hash of everything in it.

    Attributes:
        created_ns: when it was made; logs are in this order, everything else knows whole seconds.
        generation: one more than the largest of its parents.
    """

    tree: bytes
    parents: tuple[bytes, ...]
    generation: int
    created_ns: int
    committer: str
    message: str
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def created(self) -> int:
        """Return its creation time in unix seconds."""
        return self.created_ns // 1_000_000_000

    @property
    def id(self) -> bytes:
        """SHA-256 over all of it."""
        text = json.dumps(
            [
                self.committer,
                self.message,
                self.tree.hex(),
                self.created,
                sorted(self.metadata.items()),
                [parent.hex() for parent in self.parents],
                self.generation,
            ],
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode()).digest()


class Staged(NamedTuple):
    """An uncommitted change: an object, or its deletion (no identity and no value)."""

    key: bytes
    seq: int
    identity: bytes | None
    value: bytes | None


# The columns of each row, in the order of its class.
_REPOSITORY = "rid, id, created, default_branch, namespace, read_only, protection"
_BRANCH = "id, commit_id, tree, token, hidden"
_COMMIT = "tree, parents, generation, created_ns, committer, message, metadata"


def _as_repository(row: Any) -> Repository:
    return Repository(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6])


def repository(execute: Execute, name: str) -> Repository | None:
    """Return the repository of that name."""
    row = execute(f"SELECT {_REPOSITORY} FROM repositories WHERE id = ?", (name,)).fetchone()
    return _as_repository(row) if row else None


def repositories(execute: Execute, lower: str, upper: str | None, after: str, limit: int) -> list[Repository]:
    """Up to `limit` repositories with names in [lower, upper) and after `after`."""
    rows = execute(
        f"SELECT {_REPOSITORY} FROM repositories WHERE id >= :lower AND id > :after "
        "AND (:upper IS NULL OR id < :upper) ORDER BY id LIMIT :most",
        {"lower": lower, "after": after, "upper": upper, "most": limit},
    )
    return [_as_repository(row) for row in rows]


def branch(execute: Execute, rid: int, name: str) -> Branch | None:
    """Return the branch of that name."""
    row = execute(f"SELECT {_BRANCH} FROM branches WHERE rid = ? AND id = ?", (rid, name)).fetchone()
    return Branch(row[0], row[1], row[2], row[3], bool(row[4])) if row else None


def branches(
    execute: Execute, rid: int, lower: str, upper: str | None, after: str, limit: int, hidden: bool
) -> list[Branch]:
    """Up to `limit` branches with names in [lower, upper) and after `after`."""
    rows = execute(
        f"SELECT {_BRANCH} FROM branches WHERE rid = :rid AND id >= :lower AND id > :after "
        "AND (:upper IS NULL OR id < :upper) AND (:hidden OR NOT hidden) ORDER BY id LIMIT :most",
        {"rid": rid, "lower": lower, "after": after, "upper": upper, "most": limit, "hidden": hidden},
    )
    return [Branch(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def tag(execute: Execute, rid: int, name: str) -> Tag | None:
    """Return the tag of that name."""
    row = execute("SELECT id, commit_id FROM tags WHERE rid = ? AND id = ?", (rid, name)).fetchone()
    return Tag(*row) if row else None


def tags(execute: Execute, rid: int, lower: str, upper: str | None, after: str, limit: int) -> list[Tag]:
    """Up to `limit` tags with names in [lower, upper) and after `after`."""
    rows = execute(
        "SELECT id, commit_id FROM tags WHERE rid = :rid AND id >= :lower AND id > :after "
        "AND (:upper IS NULL OR id < :upper) ORDER BY id LIMIT :most",
        {"rid": rid, "lower": lower, "after": after, "upper": upper, "most": limit},
    )
    return [Tag(*row) for row in rows]


def commit(execute: Execute, rid: int, commit_id: bytes) -> Commit | None:
    """Return the commit of that id."""
    row = execute(f"SELECT {_COMMIT} FROM commits WHERE rid = ? AND id = ?", (rid, commit_id)).fetchone()
    if row is None:
        return None
    parents = tuple(row[1][at : at + ID_BYTES] for at in range(0, len(row[1]), ID_BYTES))
    return Commit(row[0], parents, row[2], row[3], row[4], row[5], json.loads(row[6]))


def add_commit(execute: Execute, rid: int, new: Commit) -> bytes:
    """Keep the commit and returns its id; the same commit may be added again."""
    commit_id = new.id
    execute(
        "INSERT OR IGNORE INTO commits "
        "(rid, id, tree, parents, generation, created_ns, committer, message, metadata) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            rid,
            commit_id,
            new.tree,
            b"".join(new.parents),
            new.generation,
            new.created_ns,
            new.committer,
            new.message,
            json.dumps(new.metadata, ensure_ascii=False),
        ),
    )
    return commit_id


def commits_by_prefix(execute: Execute, rid: int, prefix: str) -> list[bytes]:
    """Up to two ids of commits that begin with the hex digits `prefix`."""
    low = bytes.fromhex(prefix.ljust(2 * ID_BYTES, "0"))
    high = bytes.fromhex(prefix.ljust(2 * ID_BYTES, "f"))
    rows = execute("SELECT id FROM commits WHERE rid = ? AND id BETWEEN ? AND ? LIMIT 2", (rid, low, high))
    return [row[0] for row in rows]


def has_tree(execute: Execute, rid: int, tree: bytes) -> bool:
    """Return whether a commit of the repository has that tree."""
    return (
        execute("SELECT 1 FROM commits WHERE rid = ? AND tree = ? LIMIT 1", (rid, tree)).fetchone()
        is not None
    )


def staged(execute: Execute, token: int, key: bytes) -> Staged | None:
    """Return the uncommitted change at that path."""
    row = execute(
        "SELECT path, seq, identity, value FROM staging WHERE token = ? AND path = ?", (token, key)
    ).fetchone()
    return Staged(*row) if row else None


def all_staged(execute: Execute, token: int, start: bytes = b"") -> Iterator[Staged]:
    """Return the uncommitted changes from `start` on, in byte order."""
    rows = execute(
        "SELECT path, seq, identity, value FROM staging WHERE token = ? AND path >= ? ORDER BY path",
        (token, start),
    )
    return map(Staged._make, rows)


def stage(execute: Execute, token: int, change: Staged) -> None:
    """Keep an uncommitted change."""
    execute(
        "INSERT OR REPLACE INTO staging (token, path, seq, identity, value) VALUES (?, ?, ?, ?, ?)",
        (token, *change),
    )


def unstage(execute: Execute, token: int, key: bytes) -> None:
    """Forgets the uncommitted change at that path."""
    execute("DELETE FROM staging WHERE token = ? AND path = ?", (token, key))


def note_commit_of_run(execute: Execute, rid: int, run_id: str, commit_id: bytes) -> None:
    """The record of a run of hooks, if there is one, shows the commit."""
    execute(
        "UPDATE action_runs SET commit_id = :commit, body = json_set(body, '$.commit_id', :commit) "
        "WHERE rid = :rid AND run_id = :run",
        {"commit": commit_id.hex(), "rid": rid, "run": run_id},
    )
