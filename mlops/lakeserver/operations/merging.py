"""Merging a ref into a branch; each attempt is computed, shown to the hooks and kept against one head."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from mlops.lakeserver.errors import BadRequest, MergeConflict, NotFound
from mlops.lakeserver.grammar.names import check_branch
from mlops.lakeserver.grammar.ref_expressions import check_ref
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.heads import keep_commit, move_head, until_kept
from mlops.lakeserver.operations.history import merge_base
from mlops.lakeserver.operations.lake import Lake, branch, commit, resolve_commit, writable
from mlops.lakeserver.operations.staging import check_clean
from mlops.lakeserver.store import NewNodes
from mlops.lakeserver.store.records import Branch, Commit, Execute, Repository
from mlops.lakeserver.trees import merges
from mlops.lakeserver.trees.merges import check_strategy

if TYPE_CHECKING:
    from mlops.lakeserver.hooks.interface import Event

STRATEGY_KEY = ".lakefs.merge.strategy"


@dataclass(frozen=True)
class Merge:
    """A request to merge.

    Attributes:
        source: any ref expression; what is uncommitted there is left out.
        strategy: '', `dest-wins` or `source-wins`.
        squash: whether the new commit has the destination's head as its only parent.
        allow_empty: whether the source may have changed nothing.
        force: as `allow_empty`, and a read-only repository may be written to.
    """

    source: str
    destination: str
    committer: str
    message: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    strategy: str = ""
    squash: bool = False
    allow_empty: bool = False
    force: bool = False


class _Made(NamedTuple):
    """The result of one attempt: head, source, commit and new nodes."""

    head: Branch
    source_id: bytes
    commit: Commit
    nodes: NewNodes
    last_seq: int


def merge(lake: Lake, name: str, wish: Merge) -> bytes:
    """Squash-merge source into destination; return the commit id.

    Raises:
        BadRequest: the destination has uncommitted changes, or the source changed nothing.
        MergeConflict: both changed a path differently and no strategy says which wins.
        HookRefused: a hook did not pass.
    """
    check_branch(wish.destination, "destination")
    check_ref(wish.source, "source")
    check_strategy(wish.strategy)
    repo = writable(lake.store.database.reader.execute, name, wish.force)
    message = wish.message or f"Merge '{wish.source}' into '{wish.destination}'"
    metadata = wish.metadata | {STRATEGY_KEY: wish.strategy or "default"}
    draft = Commit(b"", (), 0, lake.now_ns(), wish.committer, message, metadata)
    commit_id, new, pre_run_id = until_kept(lambda: _attempt(lake, repo, wish, draft))
    events.after(lake, repo, _event("post-merge", repo, wish, commit_id, commit_id, new), pre_run_id)
    return commit_id


def _attempt(lake: Lake, repo: Repository, wish: Merge, draft: Commit) -> tuple[bytes, Commit, str]:
    made = _make(lake, repo, wish, draft)
    commit_id = made.commit.id
    event = _event("pre-merge", repo, wish, made.source_id, commit_id, made.commit)
    if events.concern(lake, repo, event):
        # Hooks read the commit before any branch leads to it.
        keep_commit(lake, repo, made.commit, made.nodes)
    pre_run_id = events.before(lake, repo, event)
    move_head(lake, repo, made.head, made.commit, made.nodes, drop_staged=made.last_seq)
    return commit_id, made.commit, pre_run_id


def _event(
    event_type: str, repo: Repository, wish: Merge, source_id: bytes, commit_id: bytes, new: Commit
) -> Event:
    return events.event_of(
        event_type,
        repo,
        wish.committer,
        branch=wish.destination,
        source_ref=source_id.hex(),
        merge_source=wish.source,
        commit_id=commit_id,
        commit=new,
    )


def _make(lake: Lake, repo: Repository, wish: Merge, draft: Commit) -> _Made:
    nodes = lake.store.new_nodes()
    with lake.store.database.snapshot() as connection:
        execute = connection.execute
        head = branch(execute, repo, wish.destination)
        last_seq = check_clean(execute, lake.store.nodes, head)
        source_id = _source(execute, repo, wish)
        theirs, ours = commit(execute, repo, source_id), commit(execute, repo, head.commit_id)
        base = commit(execute, repo, merge_base(execute, repo, source_id, head.commit_id))
        tree = _merged_tree(nodes, base.tree, theirs.tree, ours.tree, wish)
    made = replace(
        draft,
        tree=tree,
        parents=(head.commit_id,) if wish.squash else (head.commit_id, source_id),
        generation=max(theirs.generation, ours.generation) + 1,
    )
    return _Made(head, source_id, made, nodes, last_seq)


def _source(execute: Execute, repo: Repository, wish: Merge) -> bytes:
    try:
        return resolve_commit(execute, repo, wish.source)
    except (NotFound, BadRequest) as error:
        prefix = f"update branch {wish.destination}: get commit by ref {wish.source}"
        raise type(error)(f"{prefix}: {error.message}") from None


def _merged_tree(nodes: NewNodes, base: bytes, source: bytes, destination: bytes, wish: Merge) -> bytes:
    if source == base and not (wish.allow_empty or wish.force):
        raise BadRequest(f"update branch {wish.destination}: no changes")
    try:
        return merges.replay(nodes, base, source, destination, wish.strategy)
    except MergeConflict as error:
        error.message = f"update branch {wish.destination}: {error.message}"
        raise
