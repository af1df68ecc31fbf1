"""Repositories: creating, listing, deleting them, and what is noted about them."""

from __future__ import annotations

import json
from collections.abc import Callable

from mlops.lakeserver.errors import BadRequest, Conflict, Forbidden
from mlops.lakeserver.grammar.names import check_namespace, check_repository
from mlops.lakeserver.operations.lake import Lake, of_any_name, repository, writable
from mlops.lakeserver.operations.paging import Page, page_of, text_bounds
from mlops.lakeserver.store import Transaction, records
from mlops.lakeserver.store.records import Commit, Repository
from mlops.lakeserver.trees.nodes import NO_TREE

FIRST_MESSAGE = "Repository created"
_TABLES = ("branches", "tags", "commits", "action_runs", "hook_runs", "pulls")


def create(
    lake: Lake,
    name: str,
    namespace: str,
    default_branch: str,
    *,
    bare: bool = False,
    read_only: bool = False,
    storage_id: str = "",
) -> Repository:
    """Return a repository with one branch and one empty commit; with nothing at all if `bare`.

    Raises:
        Conflict: the name is taken.
        BadRequest: the namespace is of another kind, or was used before, or a storage is named.
    """
    check_repository(name)

    def work(tx: Transaction) -> Repository:
        if records.repository(tx.execute, name):
            raise Conflict("error creating repository: not unique")
        if storage_id:
            raise BadRequest("storage id: invalid value: validation error")
        address = check_namespace(namespace)
        used = tx.execute("SELECT 1 FROM namespaces WHERE address = ?", (address,)).fetchone()
        if used and not (bare or read_only):
            raise BadRequest(
                f"failed to create repository: found lakeFS objects in the storage (:{address}) "
                "key(_lakefs/dummy): storage namespace already in use"
            )
        now = lake.now()
        tx.execute("INSERT OR IGNORE INTO namespaces VALUES (?)", (address,))
        cursor = tx.execute(
            "INSERT INTO repositories (id, created, default_branch, namespace, read_only) "
            "VALUES (?, ?, ?, ?, ?)",
            (name, now, default_branch, address, read_only),
        )
        rid = int(cursor.lastrowid or 0)
        if not bare:
            _first_commit(tx, rid, default_branch, lake.now_ns())
        return Repository(rid, name, now, default_branch, address, read_only, "")

    return lake.store.write(work)


def _first_commit(tx: Transaction, rid: int, branch: str, now_ns: int) -> None:
    commit_id = records.add_commit(tx.execute, rid, Commit(NO_TREE, (), 1, now_ns, "", FIRST_MESSAGE))
    tx.execute(
        "INSERT INTO branches (rid, id, commit_id, tree, token, hidden) VALUES (?, ?, ?, ?, ?, 0)",
        (rid, branch, commit_id, NO_TREE, tx.next_seq()),
    )


def get(lake: Lake, name: str) -> Repository:
    """Return the repository of that name."""
    return repository(lake.store.database.reader.execute, name)


def list_page(lake: Lake, prefix: str, after: str, amount: int, search: str = "") -> Page[Repository]:
    """Return a page of the repositories, by name; with `search`, those whose name contains it."""
    execute = lake.store.database.reader.execute
    lower, upper = text_bounds(prefix)
    if not search:
        return page_of(
            records.repositories(execute, lower, upper, after, amount + 1), amount, lambda repo: repo.id
        )
    everything = records.repositories(execute, lower, upper, after, -1)
    found = [repo for repo in everything if search in repo.id]
    return page_of(found[: amount + 1], amount, lambda repo: repo.id)


def delete(lake: Lake, name: str, *, force: bool = False) -> None:
    """Delete the repository; its storage namespace stays taken."""

    def work(tx: Transaction) -> None:
        repo = repository(tx.execute, name)
        if repo.read_only and not force:
            raise Forbidden("read-only repository")
        tx.execute(
            "DELETE FROM staging WHERE token IN (SELECT token FROM branches WHERE rid = ?)",
            (repo.rid,),
        )
        for table in _TABLES:
            tx.execute(f"DELETE FROM {table} WHERE rid = ?", (repo.rid,))  # noqa: S608 - names from above
        tx.execute("DELETE FROM repositories WHERE rid = ?", (repo.rid,))

    lake.store.write(work)


def get_metadata(lake: Lake, name: str) -> dict[str, str]:
    """Return the metadata of the repository."""
    repo = repository(lake.store.database.reader.execute, name)
    row = lake.store.database.reader.execute(
        "SELECT metadata FROM repositories WHERE rid = ?", (repo.rid,)
    ).fetchone()
    return json.loads(row[0]) if row else {}


def set_metadata(lake: Lake, name: str, new: dict[str, str], *, force: bool = False) -> None:
    """`new` is noted too, in place of what was noted under the same keys."""
    _change_metadata(lake, name, lambda metadata: metadata | new, force=force)


def delete_metadata(lake: Lake, name: str, keys: list[str]) -> None:
    """Delete the metadata under `keys`."""
    _change_metadata(
        lake, name, lambda metadata: {key: value for key, value in metadata.items() if key not in keys}
    )


def _change_metadata(
    lake: Lake, name: str, change: Callable[[dict[str, str]], dict[str, str]], *, force: bool = False
) -> None:
    def work(tx: Transaction) -> None:
        repo = writable(tx.execute, name, force)
        row = tx.execute("SELECT metadata FROM repositories WHERE rid = ?", (repo.rid,)).fetchone()
        text = json.dumps(change(json.loads(row[0])), ensure_ascii=False)
        tx.execute("UPDATE repositories SET metadata = ? WHERE rid = ?", (text, repo.rid))

    lake.store.write(work)


def get_gc_rules(lake: Lake, name: str) -> str:
    """Return the retention rules as JSON, '' where none are set; they are kept, and nothing acts on them."""
    repo = of_any_name(lake.store.database.reader.execute, name)
    row = lake.store.database.reader.execute(
        "SELECT gc_rules FROM repositories WHERE rid = ?", (repo.rid,)
    ).fetchone()
    return row[0] if row else ""


def set_gc_rules(lake: Lake, name: str, rules: str) -> None:
    """Set the retention rules to `rules`; '' for none."""

    def work(tx: Transaction) -> None:
        repo = of_any_name(tx.execute, name)
        tx.execute("UPDATE repositories SET gc_rules = ? WHERE rid = ?", (rules, repo.rid))

    lake.store.write(work)
