"""Walking back through commits: the log, and the best common ancestor of two."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from mlops.lakeserver.errors import BadRequest, LakeError, NotFound
from mlops.lakeserver.grammar.ref_expressions import check_ref
from mlops.lakeserver.operations.lake import Lake, commit, repository, resolve, resolve_commit
from mlops.lakeserver.operations.paging import Page
from mlops.lakeserver.store import records
from mlops.lakeserver.store.records import Commit, Execute, Repository
from mlops.lakeserver.trees.diffs import two_way
from mlops.lakeserver.trees.nodes import EMPTY_ID

Logged = tuple[bytes, Commit]


def walk(execute: Execute, repo: Repository, start: bytes, *, first_parent: bool = False) -> Iterator[Logged]:
    """Yield a commit and its ancestors once each, newest first; of equal age, children before parents."""
    first = commit(execute, repo, start)
    queue = [(*_order(start, first), start, first)]
    seen = {start}
    while queue:
        *_, commit_id, found = heapq.heappop(queue)
        yield commit_id, found
        for parent_id in found.parents[:1] if first_parent else found.parents:
            if parent_id not in seen:
                seen.add(parent_id)
                parent = commit(execute, repo, parent_id)
                heapq.heappush(queue, (*_order(parent_id, parent), parent_id, parent))


def _order(commit_id: bytes, item: Commit) -> tuple[int, int, int]:
    return -item.created_ns, -item.generation, -int.from_bytes(commit_id, "big")


def merge_base(execute: Execute, repo: Repository, one: bytes, other: bytes) -> bytes:
    """Return the best common ancestor of two commits.

    Raises:
        LakeError: they have none.
    """
    flags = {one: 1}
    flags[other] = flags.get(other, 0) | 2
    queue = [(-commit(execute, repo, commit_id).generation, commit_id) for commit_id in flags]
    heapq.heapify(queue)
    while queue:
        _, commit_id = heapq.heappop(queue)
        flag = flags[commit_id]
        if flag == 3:
            return commit_id
        for parent in commit(execute, repo, commit_id).parents:
            if parent not in flags:
                heapq.heappush(queue, (-commit(execute, repo, parent).generation, parent))
            flags[parent] = flags.get(parent, 0) | flag
    raise LakeError("no merge base")


def log_page(
    lake: Lake,
    name: str,
    ref: str,
    *,
    after: str = "",
    amount: int,
    objects: list[str],
    prefixes: list[str],
    limit: bool = False,
    first_parent: bool = False,
    since: float | None = None,
    stop_at: str = "",
) -> Page[Logged]:
    """Return a page of the commits that `ref` leads to, newest first.

    With `objects` or `prefixes`, only those (but no merges) that changed one of them; with `limit`, there is
    no next page; nothing older than `since` (unix seconds), nothing after `stop_at`, which is included.
    """
    check_ref(ref)
    with lake.store.database.snapshot() as connection:
        execute = connection.execute
        repo = repository(execute, name)
        start = _commit_named(execute, repo, ref, "ref")
        stop = _commit_named(execute, repo, stop_at, "stop_at") if stop_at else None
        offset = _commit_named(execute, repo, after, "from ref") if after else None
        keys = [path.encode() for path in objects], [prefix.encode() for prefix in prefixes]
        found: list[Logged] = []
        waiting = offset is not None
        for commit_id, item in walk(execute, repo, start, first_parent=first_parent):
            if since is not None and item.created_ns < since * 1_000_000_000:
                break
            if not waiting and (not any(keys) or _touches(lake, execute, repo, item, *keys)):
                found.append((commit_id, item))
            waiting = waiting and commit_id != offset
            if len(found) > amount or commit_id == stop or (limit and len(found) == amount):
                break
        if len(found) <= amount:
            return Page(found)
        return Page(found[:amount], found[amount - 1][0].hex())


def _commit_named(execute: Execute, repo: Repository, text: str, what: str) -> bytes:
    try:
        resolved = resolve(execute, repo, text)
    except NotFound:
        raise NotFound(f"{what}: not found") from None
    except BadRequest as error:
        raise BadRequest(f"{what}: {error.message}") from None
    if resolved.staging_only:
        raise BadRequest(f"{what}: ref: invalid value: validation error: should point to a commit")
    return resolved.commit_id


def _touches(
    lake: Lake, execute: Execute, repo: Repository, item: Commit, objects: list[bytes], prefixes: list[bytes]
) -> bool:
    """Return whether a commit with one parent changed one of the objects or anything below a prefix."""
    if len(item.parents) > 1:
        return False
    parent_tree = commit(execute, repo, item.parents[0]).tree if item.parents else EMPTY_ID
    for key in objects:
        change = next(two_way(lake.store.nodes, parent_tree, item.tree, key), None)
        if change is not None and change.key == key:
            return True
    for prefix in prefixes:
        change = next(two_way(lake.store.nodes, parent_tree, item.tree, prefix), None)
        if change is not None and change.key.startswith(prefix):
            return True
    return False


def find_merge_base(lake: Lake, name: str, source: str, destination: str) -> tuple[bytes, bytes, bytes]:
    """Return the commits of source and destination, and their best common ancestor."""
    check_ref(destination, "destination")
    check_ref(source, "source")
    with lake.store.database.snapshot() as connection:
        repo = repository(connection.execute, name)
        destination_id = resolve_commit(connection.execute, repo, destination)
        source_id = resolve_commit(connection.execute, repo, source)
        return source_id, destination_id, merge_base(connection.execute, repo, source_id, destination_id)


def tree_of(execute: records.Execute, repo: Repository, commit_id: bytes) -> bytes:
    """Return the tree of a commit."""
    return commit(execute, repo, commit_id).tree
