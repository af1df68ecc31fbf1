"""The lake: one lakeFS repository, and the values that it answers with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Commit:
    """A commit, as lakeFS records it.

    Attributes:
        id: 64 hexadecimal digits.
        parents: First parent first.
        message: Its message.
        metadata: Strings to strings.
        created_at_s: Unix seconds.
    """

    id: str
    parents: tuple[str, ...]
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    created_at_s: int = 0


@dataclass(frozen=True)
class ObjectStat:
    """An object in a commit or on a branch; ``checksum`` is lakeFS's (MD5 of the content)."""

    path: str
    size_bytes: int
    checksum: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Change:
    """One path that differs between two refs; ``type`` is added, removed, changed or conflict."""

    type: str
    path: str


@dataclass(frozen=True)
class Protection:
    """Branch protection rules and the version (ETag) they were read at."""

    patterns: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class PullRequest:
    """An open pull request: a wish to merge one branch into another, shown on the pages of the lake."""

    id: str
    source: str
    into: str


class Lake(Protocol):
    """One lakeFS repository.

    Every method raises the `LakeError` subclass that fits: `LakeUnavailable` (nothing is known about whether
    the call took effect), `LakeDenied`, `NotFound`, `Conflict`, `LakeFull`. Reading by a commit id sees
    exactly that commit; reading by a branch name sees staged changes too.
    """

    @property
    def repository(self) -> str:
        """Name of the repository."""
        ...

    @property
    def endpoint(self) -> str:
        """Address of the server, for people."""
        ...

    def head(self, branch: str) -> str:
        """Return the commit id a branch is at."""
        ...

    def commit_of(self, ref: str) -> Commit:
        """Return the commit that ``ref`` names."""
        ...

    def log(self, ref: str) -> Iterator[Commit]:
        """Yield the first-parent history of ``ref``, newest first, itself included."""
        ...

    def branches(self, prefix: str = "") -> dict[str, str]:
        """Return branch name to commit id, ascending by name."""
        ...

    def create_branch(self, branch: str, source: str) -> None:
        """Create a branch at the commit ``source``; `Conflict` if the name is taken."""
        ...

    def delete_branch(self, branch: str) -> None:
        """Remove a branch; `NotFound` if there is none."""
        ...

    def tags(self, prefix: str = "") -> dict[str, str]:
        """Return tag name to commit id, ascending by name."""
        ...

    def create_tag(self, tag: str, commit: str) -> None:
        """Create a tag at a commit; `Conflict` if the name is taken, wherever it points."""
        ...

    def delete_tag(self, tag: str) -> None:
        """Remove a tag; `NotFound` if there is none."""
        ...

    def read(self, ref: str, path: str) -> bytes:
        """Return the content of an object (small ones: it is held in memory)."""
        ...

    def sha256(self, ref: str, path: str) -> str:
        """Return the SHA-256 of an object's content, read in pieces."""
        ...

    def stat(self, ref: str, path: str) -> ObjectStat:
        """Return an object's size, checksum and user metadata."""
        ...

    def list(self, ref: str, prefix: str = "") -> list[ObjectStat]:
        """Return all objects below ``prefix``, ascending by path."""
        ...

    def write(self, branch: str, path: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Stage an object on a branch."""
        ...

    def remove(self, branch: str, paths: Sequence[str]) -> None:
        """Stage the removal of objects; ones that do not exist are no error."""
        ...

    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        """Stage a copy of an object of the commit ``source``, inside the server."""
        ...

    def commit(
        self, branch: str, message: str, metadata: Mapping[str, str], *, allow_empty: bool = False
    ) -> str:
        """Commit what is staged on a branch and return the commit id.

        `LakeError` where there is nothing to commit and ``allow_empty`` is not set.
        """
        ...

    def commit_tree(self, branch: str, source: str, message: str, metadata: Mapping[str, str]) -> str:
        """Commit the whole content of the commit ``source`` on a branch and return the commit id.

        Nothing is copied. `LakeError` where something is staged on the branch.
        """
        ...

    def diff(self, left: str, right: str, prefix: str = "") -> list[Change]:
        """Return what differs from tree ``left`` to tree ``right`` (two-dot), ascending by path."""
        ...

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        """Merge the commit ``source`` into a branch, squashed, without a strategy; return the merge's id.

        Raises:
            MainMoved: The enforcer found another head than ``metadata["expected_head"]``.
            Unlawful: The enforcer refused for another reason.
            Conflict: Both sides changed the same object.
            LakeError: There is nothing to merge, or the branch has staged changes.
        """
        ...

    def pull_requests(self) -> list[PullRequest]:
        """Return the open pull requests."""
        ...

    def open_pull_request(self, source: str, into: str, title: str, description: str) -> str:
        """Open a pull request of two branches, described in Markdown; return its id."""
        ...

    def end_pull_request(self, pull: str, *, merged: bool) -> None:
        """Set a pull request to closed or merged; one that does not exist is no error."""
        ...

    def protection(self) -> Protection:
        """Return the branch protection rules."""
        ...

    def protect(self, patterns: Sequence[str], version: str) -> None:
        """Replace the rules if they are still at ``version``; else `Conflict`."""
        ...

    def hard_reset(self, branch: str, commit: str) -> None:
        """Move a branch to a commit; `LakeDenied` where it is protected."""
        ...

    def discard(self, branch: str) -> None:
        """Drop everything staged on a branch; `LakeDenied` where it is protected."""
        ...

    def staged(self, branch: str) -> list[Change]:
        """Return what is staged on a branch."""
        ...
