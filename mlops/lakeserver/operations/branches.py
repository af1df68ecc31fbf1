"""Branches: creating, listing, deleting them, comparing them, moving their heads."""

from __future__ import annotations

from mlops.lakeserver.errors import BadRequest, Conflict, Forbidden, LakeError, NotFound
from mlops.lakeserver.grammar.names import check_branch, check_new_branch
from mlops.lakeserver.grammar.ref_expressions import check_ref, is_full_hash
from mlops.lakeserver.operations import events
from mlops.lakeserver.operations.heads import set_head
from mlops.lakeserver.operations.history import merge_base
from mlops.lakeserver.operations.lake import (
    Lake,
    branch,
    commit,
    repository,
    resolve,
    resolve_commit,
    writable,
)
from mlops.lakeserver.operations.paging import CommonPrefix, Page, collapsed, page_of, text_bounds
from mlops.lakeserver.operations.protection import RESET_REFUSED, check_unprotected
from mlops.lakeserver.operations.staging import check_clean, two_way_uncommitted, uncommitted
from mlops.lakeserver.store import Transaction, records
from mlops.lakeserver.store.records import Branch, Execute, Repository
from mlops.lakeserver.trees.diffs import Change, ThreeWayChange, three_way, two_way


def list_page(
    lake: Lake, name: str, prefix: str, after: str, amount: int, *, show_hidden: bool = False
) -> Page[Branch]:
    """Return a page of the branches, by name; hidden ones only if asked for."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    lower, upper = text_bounds(prefix)
    found = records.branches(execute, repo.rid, lower, upper, after, amount + 1, show_hidden)
    return page_of(found, amount, lambda item: item.id)


def get(lake: Lake, name: str, branch_name: str) -> Branch:
    """Return the branch of that name."""
    execute = lake.store.database.reader.execute
    repo = repository(execute, name)
    return branch(execute, repo, check_branch(branch_name))


def create(
    lake: Lake,
    name: str,
    branch_name: str,
    source: str,
    *,
    user: str,
    hidden: bool = False,
    force: bool = False,
) -> bytes:
    """Return a branch with the committed head of `source`, whose id is returned.

    Raises:
        Conflict: the name is that of a branch, a tag or a commit.
        NotFound: `source` stands for nothing.
        HookRefused: a hook did not pass.
    """
    check_new_branch(branch_name)
    check_ref(source)
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    check_name_free(execute, repo, branch_name, as_branch=True)
    commit_id = _source_of(execute, repo, source)
    if records.branch(execute, repo.rid, branch_name):
        raise Conflict("branch already exists: not unique")
    event = events.event_of(
        "pre-create-branch", repo, user, branch=branch_name, source_ref=source, commit_id=commit_id
    )
    pre_run_id = events.before(lake, repo, event)

    def work(tx: Transaction) -> None:
        check_name_free(tx.execute, repo, branch_name, as_branch=True)
        if records.branch(tx.execute, repo.rid, branch_name):
            raise Conflict("branch already exists: not unique")
        tree = commit(tx.execute, repo, commit_id).tree
        tx.execute(
            "INSERT INTO branches (rid, id, commit_id, tree, token, hidden) VALUES (?, ?, ?, ?, ?, ?)",
            (repo.rid, branch_name, commit_id, tree, tx.next_seq(), hidden),
        )

    lake.store.write(work)
    done = events.event_of(
        "post-create-branch", repo, user, branch=branch_name, source_ref=source, commit_id=commit_id
    )
    events.after(lake, repo, done, pre_run_id)
    return commit_id


def _source_of(execute: Execute, repo: Repository, source: str) -> bytes:
    try:
        resolved = resolve(execute, repo, source)
    except (NotFound, BadRequest) as error:
        raise type(error)(f"source reference '{source}': {error.message}") from None
    if resolved.staging_only:
        raise LakeError(f"source reference '{source}': can't create a branch without commit")
    return resolved.commit_id


def check_name_free(execute: Execute, repo: Repository, name: str, *, as_branch: bool) -> None:
    """Check that no ref of another kind has the name.

    Raises:
        Conflict: one has.
    """
    if as_branch and records.tag(execute, repo.rid, name):
        raise Conflict(f"tag ID {name}: conflict found")
    if not as_branch and records.branch(execute, repo.rid, name):
        raise Conflict(f"branch name {name}: conflict found")
    if is_full_hash(name) and records.commit(execute, repo.rid, bytes.fromhex(name)):
        raise Conflict(f"commit ID {name}: conflict found")


def delete(lake: Lake, name: str, branch_name: str, *, user: str, force: bool = False) -> None:
    """Delete the branch and its uncommitted changes.

    Raises:
        Forbidden: it is the default branch.
    """
    check_branch(branch_name, "name")
    execute = lake.store.database.reader.execute
    repo = writable(execute, name, force)
    if branch_name == repo.default_branch:
        raise Forbidden("cannot delete repository default branch")
    source = branch(execute, repo, branch_name).commit_id.hex()
    pre_run_id = events.before(
        lake, repo, events.event_of("pre-delete-branch", repo, user, branch=branch_name, source_ref=source)
    )

    def work(tx: Transaction) -> None:
        found = branch(tx.execute, repo, branch_name)
        tx.execute("DELETE FROM branches WHERE rid = ? AND id = ?", (repo.rid, branch_name))
        tx.execute("DELETE FROM staging WHERE token = ?", (found.token,))

    lake.store.write(work)
    done = events.event_of("post-delete-branch", repo, user, branch=branch_name, source_ref=source)
    events.after(lake, repo, done, pre_run_id)


def hard_reset(lake: Lake, name: str, branch_name: str, ref: str, *, force: bool = False) -> bytes:
    """Set the branch's head to the commit that `ref` names, without hooks; return its id.

    lakeFS leaves uncommitted changes standing on the new head; here they are refused.

    Raises:
        Forbidden: the branch is protected.
        BadRequest: the branch has uncommitted changes.
    """
    check_branch(branch_name)
    check_ref(ref)

    def work(tx: Transaction) -> bytes:
        repo = repository(tx.execute, name)
        check_unprotected(repo, branch_name, RESET_REFUSED)
        if repo.read_only and not force:
            raise Forbidden("read-only repository")
        head = branch(tx.execute, repo, branch_name)
        try:
            commit_id = resolve_commit(tx.execute, repo, ref)
        except (NotFound, BadRequest) as error:
            raise type(error)(f"hard-reset {branch_name} to {ref}: {error.message}") from None
        check_clean(tx.execute, lake.store.nodes, head)
        tx.execute("DELETE FROM staging WHERE token = ?", (head.token,))
        set_head(tx, repo, branch_name, commit_id, commit(tx.execute, repo, commit_id).tree)
        return commit_id

    return lake.store.write(work)


def uncommitted_page(
    lake: Lake, name: str, branch_name: str, *, prefix: str, after: str, delimiter: str, amount: int
) -> Page[Change | CommonPrefix]:
    """Return a page of the branch's uncommitted changes."""
    with lake.store.database.snapshot() as connection:
        repo = repository(connection.execute, name)
        found = branch(connection.execute, repo, check_branch(branch_name))
        return collapsed(
            lambda start: uncommitted(connection.execute, lake.store.nodes, found, start),
            prefix=prefix.encode(),
            after=after.encode(),
            delimiter=delimiter.encode(),
            amount=amount,
        )


def diff_page(
    lake: Lake,
    name: str,
    left: str,
    right: str,
    *,
    two_dot: bool,
    prefix: str,
    after: str,
    delimiter: str,
    amount: int,
) -> Page[Change | ThreeWayChange | CommonPrefix]:
    """Return a page of differences from left to right, or of the changes of merging right into left.

    Two-dot takes `branch$` on the right for the branch with its uncommitted changes.
    """
    bounds = {
        "prefix": prefix.encode(),
        "after": after.encode(),
        "delimiter": delimiter.encode(),
        "amount": amount,
    }
    check_ref(left, "left")
    check_ref(right, "right")
    nodes = lake.store.nodes
    with lake.store.database.snapshot() as connection:
        execute = connection.execute
        repo = repository(execute, name)
        if two_dot:
            left_tree = commit(execute, repo, resolve_commit(execute, repo, left)).tree
            if right.endswith("$"):
                return _with_uncommitted(lake, execute, repo, left_tree, right, bounds)
            right_tree = commit(execute, repo, resolve_commit(execute, repo, right)).tree
            return collapsed(lambda start: two_way(nodes, left_tree, right_tree, start), **bounds)
        right_id, left_id = _side(execute, repo, right, "ref"), _side(execute, repo, left, "branch")
        left_tree, right_tree = (commit(execute, repo, side).tree for side in (left_id, right_id))
        base_tree = commit(execute, repo, merge_base(execute, repo, left_id, right_id)).tree
        return collapsed(lambda start: three_way(nodes, base_tree, left_tree, right_tree, start), **bounds)


def _side(execute: Execute, repo: Repository, ref: str, what: str) -> bytes:
    try:
        return resolve_commit(execute, repo, ref)
    except (NotFound, BadRequest) as error:
        raise type(error)(f"get commit by {what} {ref}: {error.message}") from None


def _with_uncommitted(
    lake: Lake,
    execute: Execute,
    repo: Repository,
    left_tree: bytes,
    right: str,
    bounds: dict[str, bytes | int],
) -> Page[Change | ThreeWayChange | CommonPrefix]:
    resolved = resolve(execute, repo, right)
    if resolved.branch is None:
        raise BadRequest("ref: invalid value: validation error")
    found = resolved.branch
    return collapsed(
        lambda start: two_way_uncommitted(execute, lake.store.nodes, left_tree, found, start),
        **bounds,  # type: ignore[arg-type]
    )
