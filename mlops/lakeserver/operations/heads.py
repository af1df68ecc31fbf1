"""Moving a branch's head: what is computed from a head is only kept if it still is the head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlops.lakeserver.errors import TooManyTries
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.store import NewNodes, Removed, Transaction, records
from mlops.lakeserver.store.records import Branch, Commit, Repository

T = TypeVar("T")

MAX_ATTEMPTS = 100


class HeadMoved(Exception):
    """Somebody else moved the branch's head; compute again."""


def until_kept(attempt: Callable[[], T]) -> T:
    """Return the result of `attempt`, repeated as long as the head has moved.

    Raises:
        TooManyTries: the head never stood still.
    """
    for _ in range(MAX_ATTEMPTS):
        try:
            return attempt()
        except (HeadMoved, Removed):
            continue
    raise TooManyTries("Too many attempts, try again later")


def keep_commit(lake: Lake, repo: Repository, new: Commit, nodes: NewNodes) -> bytes:
    """Store a commit that can be read by its id; no branch leads to it yet."""

    def work(tx: Transaction) -> bytes:
        nodes.write(tx)
        return records.add_commit(tx.execute, repo.rid, new)

    commit_id = lake.store.write(work)
    nodes.written()
    return commit_id


def move_head(
    lake: Lake,
    repo: Repository,
    branch: Branch,
    new: Commit,
    nodes: NewNodes,
    *,
    drop_staged: int,
    pre_run_id: str = "",
) -> bytes:
    """Move the branch's head to `new`, and delete the uncommitted rows up to number `drop_staged`.

    The record of the hooks' run `pre_run_id` shows the commit.

    Raises:
        HeadMoved: the head is not what `branch` says, or the branch is another.
        Removed: what `nodes` refer to may be gone.
    """

    def work(tx: Transaction) -> bytes:
        current = records.branch(tx.execute, repo.rid, branch.id)
        if current is None or current.token != branch.token or current.commit_id != branch.commit_id:
            raise HeadMoved
        nodes.write(tx)
        commit_id = records.add_commit(tx.execute, repo.rid, new)
        set_head(tx, repo, branch.id, commit_id, new.tree)
        tx.execute("DELETE FROM staging WHERE token = ? AND seq <= ?", (branch.token, drop_staged))
        if pre_run_id:
            records.note_commit_of_run(tx.execute, repo.rid, pre_run_id, commit_id)
        return commit_id

    commit_id = lake.store.write(work)
    nodes.written()
    return commit_id


def set_head(tx: Transaction, repo: Repository, branch: str, commit_id: bytes, tree: bytes) -> None:
    """Set the branch's head to that commit."""
    tx.execute(
        "UPDATE branches SET commit_id = ?, tree = ? WHERE rid = ? AND id = ?",
        (commit_id, tree, repo.rid, branch),
    )
