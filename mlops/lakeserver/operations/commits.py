"""Making commits of uncommitted changes, and of whole trees."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mlops.lakeserver.errors import BadRequest, LakeError, NotFound
from mlops.lakeserver.grammar.names import check_branch
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.heads import move_head, until_kept
from mlops.lakeserver.operations.lake import Lake, branch, commit, repository, resolve, writable
from mlops.lakeserver.operations.protection import COMMIT_REFUSED, check_unprotected
from mlops.lakeserver.operations.staging import check_clean, item_of
from mlops.lakeserver.store import NewNodes, records
from mlops.lakeserver.store.records import Branch, Commit, Repository
from mlops.lakeserver.trees.nodes import EMPTY_ID
from mlops.lakeserver.trees.tree import Edit, apply

_BATCH = 20_000
_DIRTY = "cannot use source MetaRange on a branch with uncommitted changes"


def get(lake: Lake, name: str, ref: str) -> tuple[bytes, Commit]:
    """Return the commit that `ref` stands for, and its id.

    Raises:
        NotFound: none.
        LakeError: `ref` is malformed (500, as lakeFS answers here).
    """
    with lake.store.database.snapshot() as connection:
        repo = repository(connection.execute, name)
        try:
            resolved = resolve(connection.execute, repo, ref)
        except NotFound:
            raise NotFound("commit not found") from None
        except BadRequest as error:
            raise LakeError(error.message) from None
        if resolved.staging_only:
            raise LakeError("ref: invalid value: validation error: should point to a commit")
        return resolved.commit_id, commit(connection.execute, repo, resolved.commit_id)


@dataclass(frozen=True)
class NewCommit:
    """A request to commit: branch, message and metadata.

    Attributes:
        date: unix seconds; None for now.
        allow_empty: whether nothing need have changed.
        source_metarange: the id of a tree to commit instead of the branch's uncommitted changes.
        force: whether a read-only repository may be written to.
    """

    branch: str
    message: str
    committer: str
    metadata: dict[str, str] = field(default_factory=dict)
    date: int | None = None
    allow_empty: bool = False
    source_metarange: str | None = None
    force: bool = False


def create(lake: Lake, name: str, wish: NewCommit) -> tuple[bytes, Commit]:
    """Commit all uncommitted changes of the branch, or the tree `source_metarange`, as its new head.

    Raises:
        BadRequest: nothing changed, or there are uncommitted changes beside `source_metarange`.
        Forbidden: the branch is protected.
        HookRefused: a hook did not pass.
    """
    check_branch(wish.branch)
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, wish.force)
    check_unprotected(repo, wish.branch, COMMIT_REFUSED)
    if lake.hooks is None or repo.read_only:
        branch(execute, repo, wish.branch)
    created = lake.now_ns() if wish.date is None else wish.date * 1_000_000_000
    draft = Commit(b"", (), 0, created, wish.committer, wish.message, dict(wish.metadata))
    events.before(lake, repo, events.commit_event("prepare-commit", repo, wish.branch, draft))
    commit_id, new, pre_run_id = until_kept(lambda: _attempt(lake, repo, wish, draft))
    events.after(lake, repo, events.commit_event("post-commit", repo, wish.branch, new), pre_run_id)
    return commit_id, new


def _attempt(lake: Lake, repo: Repository, wish: NewCommit, draft: Commit) -> tuple[bytes, Commit, str]:
    execute = lake.store.database.reader.execute
    head = branch(execute, repo, wish.branch)
    if wish.source_metarange is not None:
        with lake.store.database.snapshot() as connection:
            check_clean(connection.execute, lake.store.nodes, head, _DIRTY)
    draft = replace(draft, parents=(head.commit_id,))
    pre_run_id = events.before(lake, repo, events.commit_event("pre-commit", repo, wish.branch, draft))
    nodes = lake.store.new_nodes()
    tree, last_seq = _new_tree(lake, repo, head, nodes, wish.source_metarange)
    unchanged = tree == (head.tree or EMPTY_ID)
    if unchanged and not wish.allow_empty and wish.source_metarange is None:
        raise BadRequest("commit: no changes")
    generation = commit(execute, repo, head.commit_id).generation + 1
    new = replace(draft, tree=tree, generation=generation)
    commit_id = move_head(lake, repo, head, new, nodes, drop_staged=last_seq, pre_run_id=pre_run_id)
    return commit_id, new, pre_run_id


def _new_tree(
    lake: Lake, repo: Repository, head: Branch, nodes: NewNodes, source_metarange: str | None
) -> tuple[bytes, int]:
    """Return the tree to commit, and the number of the last uncommitted change that is in it."""
    with lake.store.database.snapshot() as connection:
        if source_metarange is None:
            return _apply_staged(connection.execute, head, nodes)
        last_seq = check_clean(connection.execute, lake.store.nodes, head, _DIRTY)
        return _known_tree(connection.execute, repo, source_metarange), last_seq


def _apply_staged(execute: records.Execute, head: Branch, nodes: NewNodes) -> tuple[bytes, int]:
    tree, last_seq, edits = head.tree, 0, []
    for change in records.all_staged(execute, head.token):
        last_seq = max(last_seq, change.seq)
        edits.append(Edit(change.key, item_of(change)))
        if len(edits) >= _BATCH:
            tree, edits = apply(nodes, tree, edits), []
    return (apply(nodes, tree, edits) if edits else tree) or EMPTY_ID, last_seq


def _known_tree(execute: records.Execute, repo: Repository, text: str) -> bytes:
    """Return the tree of that id, which a commit of the repository has.

    Raises:
        NotFound: no commit has it; lakeFS takes any text and answers 410 for the branch from then on.
    """
    try:
        tree = bytes.fromhex(text)
    except ValueError:
        tree = b""
    if not tree or not records.has_tree(execute, repo.rid, tree):
        raise NotFound(f"source metarange '{text}': metarange not found")
    return tree
