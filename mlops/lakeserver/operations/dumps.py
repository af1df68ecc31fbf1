"""The refs of a repository written down, and read back into another one; commits written as they were."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from mlops.lakeserver.errors import BadRequest, Conflict, Gone, NotFound
from mlops.lakeserver.operations.lake import Lake, repository, writable
from mlops.lakeserver.store import Transaction, records
from mlops.lakeserver.store.records import ID_BYTES, Commit, Execute, Repository
from mlops.lakeserver.trees.nodes import EMPTY_ID, NO_TREE

FOLDER = "dumps"
NOT_BARE = "can only restore into a bare repository"
WRONG_ID = "commit id: invalid value: validation error"

_ID = re.compile(r"[0-9a-f]{64}")


class RefsDump(NamedTuple):
    """The ids of a dump's three parts, each the SHA-256 of its content."""

    commits: str
    branches: str
    tags: str


def dump(lake: Lake, name: str) -> RefsDump:
    """Return all commits, branches (hidden ones too) and tags are written down in the store's folder."""
    with lake.store.database.snapshot() as connection:
        execute = connection.execute
        rid = repository(execute, name).rid
        return RefsDump(
            _keep(lake, _commit_rows(execute, rid)),
            _keep(
                lake,
                execute("SELECT id, hex(commit_id), hidden FROM branches WHERE rid = ? ORDER BY id", (rid,)),
            ),
            _keep(lake, execute("SELECT id, hex(commit_id) FROM tags WHERE rid = ? ORDER BY id", (rid,))),
        )


def _commit_rows(execute: Execute, rid: int) -> Iterator[list[Any]]:
    rows = execute(
        "SELECT hex(id), hex(tree), hex(parents), generation, created_ns, committer, message, metadata "
        "FROM commits WHERE rid = ? ORDER BY generation, id",
        (rid,),
    )
    for *columns, metadata in rows:
        yield [*columns, json.loads(metadata)]


def _keep(lake: Lake, rows: Iterable[Sequence[Any]]) -> str:
    """Write the rows to a file that bears the hash of its content; the same rows are the same file."""
    files, folder = lake.store.files, lake.store.directory / FOLDER
    files.make_dir(folder)
    digest, part = hashlib.sha256(), folder / f"{secrets.token_hex(16)}.part"
    try:
        with files.create(part) as file:
            for row in rows:
                line = json.dumps(list(row), ensure_ascii=False).encode() + b"\n"
                digest.update(line)
                files.write(file, line)
            files.sync(file)
        files.rename(part, folder / digest.hexdigest())
        files.sync_dir(folder)
    finally:
        files.remove(part)
    return digest.hexdigest()


def _read(lake: Lake, dump_id: str) -> list[list[Any]]:
    """Return the rows of one part of a dump.

    Raises:
        Gone: there is no such part, or it is not what was written.
    """
    path = lake.store.directory / FOLDER / dump_id
    if not _ID.fullmatch(dump_id) or not path.is_file():
        raise Gone("No data")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != dump_id:
        raise Gone(f"dump {dump_id} is not what was written")
    return [json.loads(line) for line in content.splitlines()]


def check_bare(execute: Execute, repo: Repository) -> None:
    """Check that the repository has no branch and no tag.

    Raises:
        BadRequest: it has.
    """
    for table in ("branches", "tags"):
        if execute(f"SELECT 1 FROM {table} WHERE rid = ? LIMIT 1", (repo.rid,)).fetchone():  # noqa: S608
            raise BadRequest(NOT_BARE)


def restore(lake: Lake, name: str, parts: RefsDump, *, force: bool = False) -> None:
    """Restore all commits, branches and tags of the dump into the bare repository, or none.

    Raises:
        BadRequest: the repository is not bare.
        Gone: a part of the dump, or a tree that a commit of it names, is not in this store any more.
    """
    check_bare(lake.store.database.reader.execute, repository(lake.store.database.reader.execute, name))
    rows = [_read(lake, part) for part in parts]

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        check_bare(tx.execute, repo)
        for row in rows[0]:
            _load_commit(tx, repo, row)
        for branch_id, commit_id, hidden in rows[1]:
            head = _known_commit(tx.execute, repo, bytes.fromhex(commit_id))
            tx.execute(
                "INSERT INTO branches (rid, id, commit_id, tree, token, hidden) VALUES (?, ?, ?, ?, ?, ?)",
                (repo.rid, branch_id, bytes.fromhex(commit_id), head.tree, tx.next_seq(), hidden),
            )
        for tag_id, commit_id in rows[2]:
            _known_commit(tx.execute, repo, bytes.fromhex(commit_id))
            tx.execute(
                "INSERT INTO tags (rid, id, commit_id) VALUES (?, ?, ?)",
                (repo.rid, tag_id, bytes.fromhex(commit_id)),
            )

    lake.store.write(work)


def _load_commit(tx: Transaction, repo: Repository, row: list[Any]) -> None:
    commit_id, tree, parents, generation, created_ns, committer, message, metadata = row
    raw = bytes.fromhex(parents)
    ids = tuple(raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES))
    new = Commit(bytes.fromhex(tree), ids, generation, created_ns, committer, message, metadata)
    if new.id.hex() != commit_id.lower():
        raise BadRequest(f"commit ID does not match for {new.id.hex()}: {WRONG_ID}")
    _check_tree(tx.execute, new.tree)
    records.add_commit(tx.execute, repo.rid, new)


def _known_commit(execute: Execute, repo: Repository, commit_id: bytes) -> Commit:
    found = records.commit(execute, repo.rid, commit_id)
    if found is None:
        raise Gone("No data")
    return found


def _check_tree(execute: Execute, tree: bytes) -> None:
    """Check that a tree's root exists: trees are collected from the root on, so the rest exists too."""
    if (
        tree not in (NO_TREE, EMPTY_ID)
        and not execute("SELECT 1 FROM nodes WHERE id = ?", (tree,)).fetchone()
    ):
        raise Gone("No data")


def add_record(lake: Lake, name: str, commit_id: str, new: Commit, *, force: bool = False) -> None:
    """Store a commit that can be read by its id; no branch leads to it.

    Raises:
        BadRequest: the id is not that of such a commit, or its generation is not above its parents'.
        NotFound: a parent, or the tree, is not there.
        Conflict: there is such a commit already.
    """

    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        if new.id.hex() != commit_id:
            raise BadRequest(WRONG_ID)
        if records.commit(tx.execute, repo.rid, new.id):
            raise Conflict("commit already exists: not unique")
        parents = [records.commit(tx.execute, repo.rid, parent) for parent in new.parents]
        if None in parents:
            raise NotFound("commit not found")
        # A squashed merge counts from its source as well, which is none of its parents.
        if new.generation <= max((parent.generation for parent in parents if parent), default=0):
            raise BadRequest("generation: invalid value: validation error")
        try:
            _check_tree(tx.execute, new.tree)
        except Gone:
            raise NotFound(f"metarange '{new.tree.hex()}': metarange not found") from None
        records.add_commit(tx.execute, repo.rid, new)

    lake.store.write(work)
