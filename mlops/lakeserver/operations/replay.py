"""Doing one commit's changes again (cherry-pick), or undoing them (revert), on a branch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlops.lakeserver.errors import BadRequest, Conflict, MergeConflict, NotFound
from mlops.lakeserver.grammar.names import check_branch
from mlops.lakeserver.grammar.ref_expressions import check_ref
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.heads import move_head, until_kept
from mlops.lakeserver.operations.lake import Lake, branch, commit, resolve_commit, writable
from mlops.lakeserver.operations.staging import check_clean
from mlops.lakeserver.store import NewNodes
from mlops.lakeserver.store.records import Commit, Execute, Repository
from mlops.lakeserver.trees import merges
from mlops.lakeserver.trees.nodes import NO_TREE


@dataclass(frozen=True)
class Overrides:
    """Overrides for the new commit from the client; None keeps the original value."""

    message: str | None = None
    metadata: dict[str, str] | None = None


def revert(
    lake: Lake,
    name: str,
    branch_name: str,
    ref: str,
    *,
    parent_number: int,
    committer: str,
    overrides: Overrides,
    allow_empty: bool = False,
    force: bool = False,
) -> bytes:
    """Return a new commit on the branch takes back what the commit `ref` changed against its parent; its id.

    Raises:
        Conflict: `ref` is a merge and no parent is named.
        MergeConflict: what it changed was changed again since.
        BadRequest: nothing would change, or the branch has uncommitted changes.
        HookRefused: a hook did not pass.
    """
    check_branch(branch_name)
    check_ref(ref)
    if parent_number < 0:
        raise BadRequest("argument parentNumber: invalid value: validation error")
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    reverted_id, reverted = _commit_at(execute, repo, ref)
    if len(reverted.parents) > 1 and parent_number == 0:
        raise Conflict("must specify 1-based parent number for reverting merge commit")
    if parent_number > len(reverted.parents):
        raise BadRequest(f"given commit does not have the given parent number: parent {parent_number}")
    parent_tree = _parent_tree(execute, repo, reverted, max(parent_number, 1))
    draft = Commit(
        b"",
        (),
        0,
        lake.now_ns(),
        committer,
        f"Revert {ref}" if overrides.message is None else overrides.message,
        overrides.metadata or {},
    )

    def new_tree(nodes: NewNodes, head_tree: bytes) -> bytes:
        if parent_tree == reverted.tree and not allow_empty:
            raise BadRequest("no changes")
        tree = merges.replay(nodes, reverted.tree, parent_tree, head_tree)
        if tree == head_tree and not allow_empty:
            raise BadRequest("no changes")
        return tree

    return _replay(lake, repo, branch_name, "revert", reverted_id, draft, new_tree)[0]


def cherry_pick(
    lake: Lake,
    name: str,
    branch_name: str,
    ref: str,
    *,
    parent_number: int | None,
    committer: str,
    overrides: Overrides,
    force: bool = False,
) -> tuple[bytes, Commit]:
    """Return a new commit on the branch changes what the commit `ref` changed against its parent.

    Raises:
        MergeConflict: the branch changed it differently.
        BadRequest: `ref` is a merge and no parent is named, it has no such parent, or nothing would change.
        HookRefused: a hook did not pass.
    """
    check_branch(branch_name)
    check_ref(ref)
    if parent_number is not None and parent_number <= 0:
        raise BadRequest("argument parentNumber: invalid value: validation error")
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    origin_id, origin = _commit_at(execute, repo, ref)
    if parent_number is None and len(origin.parents) > 1:
        raise BadRequest("must specify 1-based parent number for cherry-picking merge commit")
    number = 1 if parent_number is None else parent_number
    if not 0 < number <= len(origin.parents):
        raise BadRequest(f"parent {number}: given commit does not have the given parent number")
    parent_tree = _parent_tree(execute, repo, origin, number)
    metadata = dict(origin.metadata if overrides.metadata is None else overrides.metadata)
    metadata |= {"cherry-pick-origin": origin_id.hex(), "cherry-pick-committer": origin.committer}
    draft = Commit(
        b"",
        (),
        0,
        lake.now_ns(),
        committer,
        origin.message if overrides.message is None else overrides.message,
        metadata,
    )

    def new_tree(nodes: NewNodes, head_tree: bytes) -> bytes:
        if parent_tree == origin.tree:
            raise BadRequest("no changes")
        return merges.replay(nodes, parent_tree, origin.tree, head_tree)

    return _replay(lake, repo, branch_name, "cherry-pick", origin_id, draft, new_tree)


def _commit_at(execute: Execute, repo: Repository, ref: str) -> tuple[bytes, Commit]:
    try:
        commit_id = resolve_commit(execute, repo, ref)
    except (NotFound, BadRequest) as error:
        raise type(error)(f"get commit from ref {ref}: {error.message}") from None
    return commit_id, commit(execute, repo, commit_id)


def _parent_tree(execute: Execute, repo: Repository, child: Commit, number: int) -> bytes:
    return commit(execute, repo, child.parents[number - 1]).tree if child.parents else NO_TREE


def _replay(
    lake: Lake,
    repo: Repository,
    branch_name: str,
    what: str,
    origin_id: bytes,
    draft: Commit,
    new_tree: Callable[[NewNodes, bytes], bytes],
) -> tuple[bytes, Commit]:
    """Add a commit to the branch, whose tree `new_tree` makes from the head's."""

    def attempt() -> tuple[bytes, Commit, str]:
        nodes = lake.store.new_nodes()
        with lake.store.database.snapshot() as connection:
            commit(connection.execute, repo, origin_id)
            head = branch(connection.execute, repo, branch_name)
            last_seq = check_clean(connection.execute, lake.store.nodes, head)
            generation = commit(connection.execute, repo, head.commit_id).generation + 1
            tree = _prefixed(new_tree, nodes, head.tree)
        new = replace(draft, tree=tree, parents=(head.commit_id,), generation=generation)
        pre_run_id = events.before(lake, repo, events.commit_event(f"pre-{what}", repo, branch_name, new))
        noted = pre_run_id if what == "revert" else ""
        commit_id = move_head(lake, repo, head, new, nodes, drop_staged=last_seq, pre_run_id=noted)
        return commit_id, new, pre_run_id

    commit_id, new, pre_run_id = until_kept(attempt)
    events.after(lake, repo, events.commit_event(f"post-{what}", repo, branch_name, new), pre_run_id)
    return commit_id, new


def _prefixed(new_tree: Callable[[NewNodes, bytes], bytes], nodes: NewNodes, head_tree: bytes) -> bytes:
    try:
        return new_tree(nodes, head_tree)
    except (MergeConflict, BadRequest) as error:
        error.message = f"update branch: {error.message}"
        raise
