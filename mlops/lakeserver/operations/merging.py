"""Merging a ref into a branch; each attempt is computed, shown to the hooks and kept against one head."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from mlops.lakeserver import merges
from mlops.lakeserver.errors import BadRequest, MergeConflict, NotFound
from mlops.lakeserver.merges import check_strategy
from mlops.lakeserver.names import check_branch
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.heads import keep_commit, move_head, until_kept
from mlops.lakeserver.operations.history import merge_base
from mlops.lakeserver.operations.lake import Lake, branch, commit, resolve_commit, writable
from mlops.lakeserver.operations.staging import check_clean
from mlops.lakeserver.records import Branch, Commit, Execute, Repository
from mlops.lakeserver.store import NewNodes

STRATEGY_KEY = ".lakefs.merge.strategy"


class _Prepared(NamedTuple):
    """One attempt: the head it is computed from, where it merges from, what it makes."""

    head: Branch
    source_id: bytes
    commit: Commit
    nodes: NewNodes
    last_seq: int


def merge(
    lake: Lake,
    name: str,
    source: str,
    destination: str,
    *,
    committer: str,
    message: str = "",
    metadata: dict[str, str] | None = None,
    strategy: str = "",
    squash: bool = False,
    allow_empty: bool = False,
    force: bool = False,
) -> bytes:
    """What `source` changed since it and `destination` parted is on `destination`, as one commit; its id.

    Raises:
        BadRequest: the destination has uncommitted changes, or the source changed nothing.
        MergeConflict: both changed a path differently and no strategy says which wins.
        HookRefused: a hook did not pass.
    """
    check_branch(destination, "destination")
    check_strategy(strategy)
    repo = writable(lake.store.database.reader.execute, name, force)
    draft = Commit(
        b"",
        (),
        0,
        lake.now_ns(),
        committer,
        message or f"Merge '{source}' into '{destination}'",
        (metadata or {}) | {STRATEGY_KEY: strategy or "default"},
    )

    def attempt() -> tuple[bytes, Commit, str]:
        made = _prepare(lake, repo, source, destination, draft, strategy, squash, allow_empty or force)
        commit_id = keep_commit(lake, repo, made.commit, made.nodes)
        event = events.event_of(
            "pre-merge",
            repo,
            committer,
            branch=destination,
            source_ref=made.source_id.hex(),
            merge_source=source,
            commit_id=commit_id,
            commit=made.commit,
        )
        pre_run_id = events.before(lake, repo, event)
        move_head(lake, repo, made.head, made.commit, made.nodes, drop_staged=made.last_seq)
        return commit_id, made.commit, pre_run_id

    commit_id, new, pre_run_id = until_kept(attempt)
    done = events.event_of(
        "post-merge",
        repo,
        committer,
        branch=destination,
        source_ref=commit_id.hex(),
        merge_source=source,
        commit_id=commit_id,
        commit=new,
    )
    events.after(lake, repo, done, pre_run_id)
    return commit_id


def _prepare(
    lake: Lake,
    repo: Repository,
    source: str,
    destination: str,
    draft: Commit,
    strategy: str,
    squash: bool,
    empty_allowed: bool,
) -> _Prepared:
    with lake.store.database.snapshot() as connection:
        execute = connection.execute
        head = branch(execute, repo, destination)
        last_seq = check_clean(execute, lake.store.nodes, head)
        source_id = _source(execute, repo, source, destination)
        from_commit, to_commit = commit(execute, repo, source_id), commit(execute, repo, head.commit_id)
        base = commit(execute, repo, merge_base(execute, repo, source_id, head.commit_id))
        nodes = lake.store.new_nodes()
        tree = _merged_tree(
            nodes, base.tree, from_commit.tree, to_commit.tree, destination, strategy, empty_allowed
        )
    made = replace(
        draft,
        tree=tree,
        parents=(head.commit_id,) if squash else (head.commit_id, source_id),
        generation=max(from_commit.generation, to_commit.generation) + 1,
    )
    return _Prepared(head, source_id, made, nodes, last_seq)


def _source(execute: Execute, repo: Repository, source: str, destination: str) -> bytes:
    try:
        return resolve_commit(execute, repo, source)
    except (NotFound, BadRequest) as error:
        raise type(error)(
            f"update branch {destination}: get commit by ref {source}: {error.message}"
        ) from None


def _merged_tree(
    nodes: NewNodes,
    base: bytes,
    source: bytes,
    destination: bytes,
    name: str,
    strategy: str,
    empty_allowed: bool,
) -> bytes:
    if source == base and not empty_allowed:
        raise BadRequest(f"update branch {name}: no changes")
    if destination == base:
        return source
    try:
        return merges.merge(nodes, base, source, destination, strategy)
    except MergeConflict as error:
        error.message = f"update branch {name}: {error.message}"
        raise
