"""One lakeFS repository as the core's `Lake`, over the official SDK; plus streams for large objects.

A lost answer surfaces as `LakeUnavailable`; the call may have taken effect or not, and the caller must
handle both cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops.adapters.lake.connection import Connection, connect, pages
from mlops.adapters.lake.pull_requests import LakePullRequests
from mlops.runs.errors import Conflict
from mlops.runs.ports import Change, Commit, Protection

__all__ = ["Connection", "LakeFSLake", "connect"]

#: First page of a log: who walks it mostly finds what they look for near the head.
LOG_PAGE = 16


class LakeFSLake(LakePullRequests):
    """One repository of a lakeFS server; implements `mlops.runs.ports.Lake`."""

    def head(self, branch: str) -> str:
        """Return the commit id a branch is at."""
        with self._calls(branch):
            return self._api.branches_api.get_branch(self._repository, branch).commit_id

    def commit_of(self, ref: str) -> Commit:
        """Return the commit that ``ref`` names."""
        return self._memory.of(ref, "commit", lambda: self._commit_of(ref), _size_of)

    def _commit_of(self, ref: str) -> Commit:
        with self._calls(ref):
            return _commit(self._api.commits_api.get_commit(self._repository, ref))

    def log(self, ref: str) -> Iterator[Commit]:
        """Yield the first-parent history of ``ref``, newest first; pages are fetched as they are needed."""
        newest, after = self._memory.of(
            ref, "log", lambda: self._newest(ref), lambda page: sum(map(_size_of, page[0]))
        )
        yield from newest
        if not after:
            return
        log_commits = self._api.refs_api.log_commits
        rows = pages(log_commits, self._repository, ref, first=8 * LOG_PAGE, start=after, first_parent=True)
        while True:
            # The consumer's own exceptions pass through a `yield` and must not be taken for the lake's.
            with self._calls(ref):
                row = next(rows, None)
            if row is None:
                return
            yield _commit(row)

    def _newest(self, ref: str) -> tuple[tuple[Commit, ...], str]:
        """Return the first page of a history, and where the next one begins; empty where there is none."""
        with self._calls(ref):
            page = self._api.refs_api.log_commits(self._repository, ref, amount=LOG_PAGE, first_parent=True)
        commits = tuple(_commit(row) for row in page.results)
        return commits, page.pagination.next_offset if page.pagination.has_more else ""

    def branches(self, prefix: str = "") -> dict[str, str]:
        """Return branch name to commit id, ascending by name."""
        with self._calls("branches"):
            rows = pages(self._api.branches_api.list_branches, self._repository, prefix=prefix)
            return {row.id: row.commit_id for row in rows}

    def create_branch(self, branch: str, source: str) -> None:
        """Create a branch at the commit ``source``; `Conflict` if the name is taken."""
        from lakefs_sdk.models.branch_creation import BranchCreation

        with self._calls(branch):
            creation = BranchCreation(name=branch, source=source)
            self._api.branches_api.create_branch(self._repository, creation)

    def delete_branch(self, branch: str) -> None:
        """Remove a branch; `NotFound` if there is none."""
        with self._calls(branch):
            self._api.branches_api.delete_branch(self._repository, branch)

    def tags(self, prefix: str = "") -> dict[str, str]:
        """Return tag name to commit id, ascending by name."""
        with self._calls("tags"):
            rows = pages(self._api.tags_api.list_tags, self._repository, prefix=prefix)
            return {row.id: row.commit_id for row in rows}

    def create_tag(self, tag: str, commit: str) -> None:
        """Create a tag at a commit; `Conflict` if the name is taken, wherever it points."""
        from lakefs_sdk.models.tag_creation import TagCreation

        with self._calls(tag):
            self._api.tags_api.create_tag(self._repository, TagCreation(id=tag, ref=commit))

    def delete_tag(self, tag: str) -> None:
        """Remove a tag; `NotFound` if there is none."""
        with self._calls(tag):
            self._api.tags_api.delete_tag(self._repository, tag)

    def commit(
        self, branch: str, message: str, metadata: Mapping[str, str], *, allow_empty: bool = False
    ) -> str:
        """Commit what is staged on a branch and return the commit id."""
        from lakefs_sdk.models.commit_creation import CommitCreation

        with self._calls(branch):
            creation = CommitCreation(message=message, metadata=dict(metadata), allow_empty=allow_empty)
            return self._api.commits_api.commit(self._repository, branch, creation).id

    def commit_tree(self, branch: str, source: str, message: str, metadata: Mapping[str, str]) -> str:
        """Commit the whole content of the commit ``source`` on a branch and return the commit id."""
        from lakefs_sdk.models.commit_creation import CommitCreation

        with self._calls(source):
            # lakeFS accepts any text here, and a branch with an unknown tree can never be read again.
            tree = self._api.commits_api.get_commit(self._repository, source).meta_range_id
        with self._calls(branch):
            creation = CommitCreation(message=message, metadata=dict(metadata))
            return self._api.commits_api.commit(self._repository, branch, creation, source_metarange=tree).id

    def diff(self, left: str, right: str, prefix: str = "") -> list[Change]:
        """Return what differs from tree ``left`` to tree ``right``, ascending by path."""
        with self._calls(f"{left}..{right}"):
            rows = pages(
                self._api.refs_api.diff_refs, self._repository, left, right, prefix=prefix, type="two_dot"
            )
            return [Change(row.type, row.path) for row in rows]

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        """Merge the commit ``source`` into a branch, squashed, without a strategy; return the merge's id."""
        from lakefs_sdk.models.merge import Merge

        with self._calls(into):
            merge = Merge(message=message, metadata=dict(metadata), squash_merge=True)
            return self._api.refs_api.merge_into_branch(self._repository, source, into, merge).reference

    def protection(self) -> Protection:
        """Return the branch protection rules; the version is empty where none were ever set."""
        with self._calls("branch protection"):
            answer = self._api.repositories_api.get_branch_protection_rules_with_http_info(self._repository)
            version = (answer.headers or {}).get("ETag") or ""
            return Protection(tuple(rule.pattern for rule in answer.data or ()), version)

    def protect(self, patterns: Sequence[str], version: str) -> None:
        """Replace the rules if they are still at ``version``; else `Conflict`.

        lakeFS refuses an empty ``If-Match``: where there are no rules yet, they are read again first, and two
        writers at that same moment are not told apart.
        """
        from lakefs_sdk.models.branch_protection_rule import BranchProtectionRule

        if not version and self.protection().version:
            raise Conflict("the rules have changed", where=f"{self._repository}/branch protection")
        rules = [BranchProtectionRule(pattern=pattern) for pattern in patterns]
        with self._calls("branch protection"):
            self._api.repositories_api.set_branch_protection_rules(
                self._repository, rules, **({"if_match": version} if version else {})
            )

    def hard_reset(self, branch: str, commit: str) -> None:
        """Move a branch to a commit; `LakeDenied` where it is protected."""
        with self._calls(branch):
            self._api.experimental_api.hard_reset_branch(self._repository, branch, commit)

    def discard(self, branch: str) -> None:
        """Drop everything staged on a branch; `LakeDenied` where it is protected."""
        from lakefs_sdk.models.reset_creation import ResetCreation

        with self._calls(branch):
            self._api.branches_api.reset_branch(self._repository, branch, ResetCreation(type="reset"))

    def staged(self, branch: str) -> list[Change]:
        """Return what is staged on a branch."""
        with self._calls(branch):
            rows = pages(self._api.branches_api.diff_branch, self._repository, branch)
            return [Change(row.type, row.path) for row in rows]


def _commit(row: Any) -> Commit:
    return Commit(
        row.id, tuple(row.parents), row.message or "", dict(row.metadata or {}), int(row.creation_date)
    )


def _size_of(commit: Commit) -> int:
    return 500 + sum(len(key) + len(value) for key, value in commit.metadata.items())
