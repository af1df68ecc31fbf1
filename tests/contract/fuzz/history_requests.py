"""Random requests about branches, commits, merges, tags and what differs between refs."""

from __future__ import annotations

from typing import Any

from tests.contract.fuzz import vocabulary as words
from tests.contract.fuzz.maker import Maker, R
from tests.contract.fuzz.wire import segment


def commit(maker: Maker) -> None:
    """Commit what is uncommitted."""
    body = maker.fields(
        {"message": maker.message(), "date": maker.date()},
        metadata=maker.metadata(),
        allow_empty=maker.dice.maybe(),
        force=maker.dice.maybe(),
    )
    maker.add("commit", "POST", f"{maker.branch_path()}/commits", body, makes=("commit", "tree"))


def commit_tree(maker: Maker) -> None:
    """Commit the tree of an earlier commit."""
    tree = maker.earlier("tree")
    if tree is not None:
        body = {"message": maker.message(), "date": maker.date()}
        target = f"{maker.branch_path()}/commits"
        maker.add("commit", "POST", target, body, query={"source_metarange": tree}, makes=("commit", "tree"))


def create_branch(maker: Maker) -> None:
    """Create a branch."""
    body = maker.fields(
        {"name": maker.branch(), "source": maker.ref()},
        hidden=maker.dice.maybe(0.2),
        force=maker.dice.maybe(),
    )
    maker.add("createBranch", "POST", f"{R}/branches", body, makes=("commit",))


def delete_branch(maker: Maker) -> None:
    """Delete a branch."""
    maker.add("deleteBranch", "DELETE", maker.branch_path(), query={"force": maker.flag()})


def get_branch(maker: Maker) -> None:
    """Show a branch."""
    maker.add("getBranch", "GET", maker.branch_path(), makes=("commit",))


def list_branches(maker: Maker) -> None:
    """List branches."""
    query = maker.page() | {"show_hidden": maker.flag()}
    maker.add("listBranches", "GET", f"{R}/branches", query=query)


def reset(maker: Maker) -> None:
    """Forget uncommitted changes."""
    kind = maker.dice.one(("reset", "object", "common_prefix"), ("x", ""))
    body = maker.fields({"type": kind}, force=maker.dice.maybe())
    if maker.dice.maybe(0.8):
        body["path"] = maker.dice.one(words.PATHS + words.PREFIXES, words.ODD_PATHS)
    maker.add("resetBranch", "PUT", maker.branch_path(), body)


def hard_reset(maker: Maker) -> None:
    """Move a branch."""
    query = {"ref": maker.ref(), "force": maker.flag()}
    maker.add("hardResetBranch", "PUT", f"{maker.branch_path()}/hard_reset", query=query)


def diff_branch(maker: Maker) -> None:
    """List uncommitted changes."""
    maker.add("diffBranch", "GET", f"{maker.branch_path()}/diff", query=maker.page(delimiter=True))


def diff_refs(maker: Maker) -> None:
    """List what differs between two refs."""
    query: dict[str, Any] = maker.page(delimiter=True) | {"include_right_stats": maker.flag()}
    if maker.dice.maybe(0.6):
        query["type"] = maker.dice.one(("two_dot", "three_dot"), ("", "x"))
    target = f"{R}/refs/{segment(maker.ref())}/diff/{segment(maker.ref())}"
    maker.add("diffRefs", "GET", target, query=query)


def merge(maker: Maker) -> None:
    """Merge a ref into a branch."""
    dice = maker.dice
    body = maker.fields(
        {"message": maker.message()},
        metadata=maker.metadata(),
        strategy=dice.one(("", "dest-wins", "source-wins"), ("x",)),
        force=dice.maybe(0.3),
        allow_empty=dice.maybe(),
        squash_merge=dice.maybe(),
    )
    target = f"{R}/refs/{segment(maker.ref())}/merge/{segment(maker.branch())}"
    maker.add("mergeIntoBranch", "POST", target, body, makes=("commit",))


def merge_base(maker: Maker) -> None:
    """Find the best common ancestor."""
    target = f"{R}/refs/{segment(maker.ref())}/merge/{segment(maker.ref())}"
    maker.add("findMergeBase", "GET", target)


def _overrides(maker: Maker) -> dict[str, Any]:
    return maker.fields({}, message=maker.message(), metadata=maker.metadata())


def revert(maker: Maker) -> None:
    """Take a commit back."""
    parent = maker.dice.one((0, 1, 0, 2), (-1, 3))
    body = maker.fields(
        {"ref": maker.ref(), "parent_number": parent, "commit_overrides": {"message": maker.message()}},
        allow_empty=maker.dice.maybe(),
        force=maker.dice.maybe(),
    )
    maker.add("revertBranch", "POST", f"{maker.branch_path()}/revert", body)


def cherry_pick(maker: Maker) -> None:
    """Apply a commit again."""
    overrides = {"message": maker.message()} | _overrides(maker)
    body = maker.fields({"ref": maker.ref(), "commit_overrides": overrides}, force=maker.dice.maybe())
    if maker.dice.maybe(0.4):
        body["parent_number"] = maker.dice.one((1, 2), (0, -1, 3))
    target = f"{maker.branch_path()}/cherry-pick"
    maker.add("cherryPick", "POST", target, body, makes=("commit", "tree"))


def log(maker: Maker) -> None:
    """List commits."""
    dice = maker.dice
    query: dict[str, Any] = {"limit": maker.flag(0.1), "first_parent": maker.flag(0.2)}
    if dice.maybe(0.3):
        query["amount"] = dice.one(words.AMOUNTS, words.ODD_AMOUNTS)
    for name, odd in (("objects", words.PATHS), ("prefixes", words.PREFIXES)):
        if dice.maybe(0.15):
            query[name] = dice.choice(odd)
    for name in ("after", "stop_at"):
        if dice.maybe(0.12):
            query[name] = maker.ref()
    if dice.maybe(0.1):
        query["since"] = dice.one(words.TIMES, words.ODD_TIMES)
    maker.add("logCommits", "GET", f"{R}/refs/{segment(maker.ref())}/commits", query=query)


def get_commit(maker: Maker) -> None:
    """Show a commit."""
    target = f"{R}/commits/{segment(maker.ref())}"
    maker.add("getCommit", "GET", target, makes=("commit", "tree"))


def create_tag(maker: Maker) -> None:
    """Create a tag."""
    body = maker.fields({"id": maker.tag(), "ref": maker.ref()}, force=maker.dice.maybe())
    maker.add("createTag", "POST", f"{R}/tags", body, makes=("commit",))


def tag(maker: Maker) -> None:
    """Show or delete a tag, or list them."""
    kind = maker.dice.choice(["get", "get", "delete", "list", "list"])
    target = f"{R}/tags/{segment(maker.tag())}"
    if kind == "get":
        maker.add("getTag", "GET", target)
    elif kind == "delete":
        maker.add("deleteTag", "DELETE", target, query={"force": maker.flag()})
    else:
        maker.add("listTags", "GET", f"{R}/tags", query=maker.page())


WEIGHTS = {
    commit: 13,
    commit_tree: 1,
    create_branch: 6,
    delete_branch: 0.7,
    get_branch: 2,
    list_branches: 2,
    reset: 2,
    hard_reset: 2,
    diff_branch: 4,
    diff_refs: 6,
    merge: 9,
    merge_base: 1,
    revert: 4,
    cherry_pick: 4,
    log: 5,
    get_commit: 3,
    create_tag: 3,
    tag: 3,
}
