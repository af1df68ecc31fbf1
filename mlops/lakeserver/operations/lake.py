"""The context of every operation (store, clock, hooks), and the resolution of refs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.lakeserver.errors import BadRequest, Forbidden, NotFound
from mlops.lakeserver.grammar.ids import NewestFirstIds
from mlops.lakeserver.grammar.names import check_repository
from mlops.lakeserver.grammar.ref_expressions import INVALID_REF, RefExpression, is_full_hash, is_hash, parse
from mlops.lakeserver.operations.tasks import Tasks
from mlops.lakeserver.store import Store, records
from mlops.lakeserver.store.records import Branch, Commit, Execute, Repository

if TYPE_CHECKING:
    from mlops.lakeserver.hooks.engine import HookEngine

BRANCH, TAG, COMMIT = "branch", "tag", "commit"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolved ref expression.

    Attributes:
        kind: what its base is: `branch`, `tag` or `commit`; `commit` after any step.
        branch: the branch whose staging area belongs to it, or None.
        staging_only: it is the staging area alone (`branch$`).
    """

    kind: str
    commit_id: bytes
    branch: Branch | None = None
    staging_only: bool = False


class Lake:
    """One store and what happens in it.

    Args:
        clock: seconds since 1970.
        new_nonce: ten bytes that make a physical address its own.
        new_id: ids for pull requests and runs of hooks, of which newer ones come first.
        import_from: the folder of which files may be imported; None for no folder.

    Attributes:
        hooks: runs the hooks; None runs none.
        tasks: what goes on in the background.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float],
        new_nonce: Callable[[], bytes] = lambda: secrets.token_bytes(10),
        new_id: Callable[[], str] | None = None,
        import_from: Path | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.new_nonce = new_nonce
        self.new_id = new_id or NewestFirstIds(clock)
        self.hooks: HookEngine | None = None
        self.import_from = import_from
        self.tasks = Tasks(self.now_utc, self.new_id)

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

    def now_ns(self) -> int:
        """Unix nanoseconds."""
        return int(self.clock() * 1_000_000_000)

    def now_utc(self) -> datetime:
        """Return the current time, with its zone."""
        return datetime.fromtimestamp(self.clock(), UTC)


def repository(execute: Execute, name: str) -> Repository:
    """Return the repository of that name.

    Raises:
        NotFound: there is none.
        BadRequest: there cannot be one.
    """
    found = records.repository(execute, name)
    if found is None:
        check_repository(name, "repository")
        raise NotFound("repository not found")
    return found


def of_any_name(execute: Execute, name: str) -> Repository:
    """Return the repository of that name; here lakeFS does not care whether there can be one."""
    found = records.repository(execute, name)
    if found is None:
        raise NotFound("repository not found")
    return found


def writable(execute: Execute, name: str, force: bool) -> Repository:
    """Return the repository of that name, if it may be written to.

    Raises:
        NotFound: there is none.
        Forbidden: it is read-only and `force` does not say otherwise.
    """
    found = repository(execute, name)
    if found.read_only and not force:
        raise Forbidden("read-only repository")
    return found


def branch(execute: Execute, repo: Repository, name: str) -> Branch:
    """Return the branch of that name.

    Raises:
        NotFound: there is none.
    """
    found = records.branch(execute, repo.rid, name)
    if found is None:
        raise NotFound("branch not found")
    return found


def commit(execute: Execute, repo: Repository, commit_id: bytes) -> Commit:
    """Return the commit of that id.

    Raises:
        NotFound: there is none.
    """
    found = records.commit(execute, repo.rid, commit_id)
    if found is None:
        raise NotFound("commit not found")
    return found


def resolve(execute: Execute, repo: Repository, text: str) -> Resolved:
    """Resolve the ref expression `text`.

    Raises:
        BadRequest: it is malformed, or asks for a parent that is not there.
        NotFound: it stands for nothing.
    """
    expression = parse(text)
    base = _resolve_base(execute, repo, expression.base)
    if not expression.modifiers:
        return base
    if any(modifier.kind in "@$" for modifier in expression.modifiers):
        if base.kind != BRANCH or len(expression.modifiers) != 1:
            raise BadRequest(INVALID_REF)
        if expression.staging_only:
            return Resolved(BRANCH, base.commit_id, base.branch, staging_only=True)
        return Resolved(BRANCH, base.commit_id)
    return Resolved(COMMIT, _walk(execute, repo, base.commit_id, expression))


def _resolve_base(execute: Execute, repo: Repository, name: str) -> Resolved:
    if is_full_hash(name) and records.commit(execute, repo.rid, bytes.fromhex(name)):
        return Resolved(COMMIT, bytes.fromhex(name))
    found = records.branch(execute, repo.rid, name)
    if found:
        return Resolved(BRANCH, found.commit_id, found)
    tag = records.tag(execute, repo.rid, name)
    if tag:
        return Resolved(TAG, tag.commit_id)
    if is_hash(name):
        ids = records.commits_by_prefix(execute, repo.rid, name)
        if len(ids) == 1:
            return Resolved(COMMIT, ids[0])
    raise NotFound("not found")


def _walk(execute: Execute, repo: Repository, commit_id: bytes, expression: RefExpression) -> bytes:
    for modifier in expression.modifiers:
        if modifier.kind == "~":
            for _ in range(modifier.amount):
                parents = commit(execute, repo, commit_id).parents
                if not parents:
                    raise NotFound("not found")
                commit_id = parents[0]
        elif modifier.amount != 0:
            parents = commit(execute, repo, commit_id).parents
            if not 0 < modifier.amount <= len(parents):
                raise BadRequest(INVALID_REF)
            commit_id = parents[modifier.amount - 1]
    return commit_id


def resolve_commit(execute: Execute, repo: Repository, text: str) -> bytes:
    """Return the id of the commit that `text` stands for.

    Raises:
        BadRequest: it is malformed, or stands for a staging area.
        NotFound: it stands for nothing.
    """
    resolved = resolve(execute, repo, text)
    if resolved.staging_only:
        raise BadRequest(f"reference '{text}': reference to staging area with $ is not a commit")
    return resolved.commit_id
