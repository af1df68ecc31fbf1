"""Creation of the trees of a dump's commits, by committing objects to a helper repository."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from mlops.adapters.lake.connection import PAGE, Connection, pages
from mlops.lake_transfer.archive import Reading
from mlops.runs.errors import LakeError, NotFound

BRANCH = "trees"
TAG = "tree-"

# An address of the embedded server: what makes it one of its own, and the content's digest.
_OWN_ADDRESS = re.compile(r"/data/([0-9a-f]{20})/([0-9a-f]{64})\Z")
_PLAIN_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PLAIN_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

Row = Mapping[str, Any]


class Trees:
    """The trees that are made, by their ids in the dump.

    Args:
        connection: The lake.
        repository: The helper, which is read-only: no hook runs there.
        archive: The dump.
        root: A commit of the helper without objects.

    Attributes:
        keeps_times: Whether objects have the times here that they had.
    """

    def __init__(self, connection: Connection, repository: str, archive: Reading, root: str) -> None:
        self._connection = connection
        self._api = connection.api
        self._repository = repository
        self._archive = archive
        self._trees = {"": ""}
        self._holders = {"": root}
        self._addresses: dict[str, str] = {}
        self.keeps_times = True
        for tag in pages(self._api.tags_api.list_tags, repository, prefix=TAG):
            tree = tag.id.removeprefix(TAG)
            self._holders[tree] = tag.commit_id
            self._trees[tree] = self._api.commits_api.get_commit(repository, tag.commit_id).meta_range_id

    def make(self, tree: str, base: str, rows: Sequence[Row], pool: ThreadPoolExecutor) -> str:
        """Create a tree from another one and its changes unless it exists; return its id in this lake."""
        if tree not in self._trees:
            self._begin(self._holders[base])
            self._remove([row["path"] for row in rows if "removed" in row])
            list(pool.map(self._put, [row for row in rows if "object" in row]))
            self._keep(tree)
        return self._trees[tree]

    def _begin(self, holder: str) -> None:
        from lakefs_sdk.models.branch_creation import BranchCreation

        with suppress(NotFound), self._connection.calls(self._repository):
            self._api.branches_api.delete_branch(self._repository, BRANCH, force=True)
        creation = BranchCreation(name=BRANCH, source=holder, force=True)
        self._api.branches_api.create_branch(self._repository, creation)

    def _keep(self, tree: str) -> None:
        from lakefs_sdk.models.commit_creation import CommitCreation
        from lakefs_sdk.models.tag_creation import TagCreation

        creation = CommitCreation(message=tree, allow_empty=True, force=True)
        made = self._api.commits_api.commit(self._repository, BRANCH, creation)
        tag = TagCreation(id=f"{TAG}{tree}", ref=made.id, force=True)
        self._api.tags_api.create_tag(self._repository, tag)
        self._trees[tree], self._holders[tree] = made.meta_range_id, made.id

    def _remove(self, paths: Sequence[str]) -> None:
        from lakefs_sdk.models.path_list import PathList

        for start in range(0, len(paths), PAGE):
            batch = PathList(paths=list(paths[start : start + PAGE]))
            answer = self._api.objects_api.delete_objects(self._repository, BRANCH, batch, force=True)
            for row in answer.errors or ():
                raise LakeError(row.message, where=f"{self._repository}/{row.path}")

    def _put(self, row: Row) -> None:
        with self._connection.calls(f"{self._repository}/{row['path']}"):
            address = self._addresses.get(row["object"])
            same = False
            if address is None:
                address, same = self._upload(row)
            own = _OWN_ADDRESS.search(address)
            if own:
                self._addresses[row["object"]] = address
            else:
                self.keeps_times = False
            if own or not same:
                self._stage(row, _as_before(row["address"], address))

    def _upload(self, row: Row) -> tuple[str, bool]:
        """Send an object's bytes; return their address, and whether all else is as the row says."""
        from mlops.adapters.lake.client import upload

        metadata: Mapping[str, str] = row["metadata"]
        plain = all(
            _PLAIN_KEY.fullmatch(key) and _PLAIN_VALUE.fullmatch(value) for key, value in metadata.items()
        )
        pieces: Any = self._archive.pieces(row["object"])
        stats = upload(
            self._connection.client,
            self._repository,
            BRANCH,
            row["path"],
            pieces,
            row["size_bytes"],
            metadata if plain else {},
            content_type=row["content_type"],
            force=True,
        )
        same = plain and (stats["checksum"], stats["content_type"]) == (row["checksum"], row["content_type"])
        return stats["physical_address"], same

    def _stage(self, row: Row, address: str) -> None:
        from mlops.adapters.lake.client import stage

        same = ("checksum", "size_bytes", "mtime", "metadata", "content_type")
        description = {key: row[key] for key in same}
        description |= {"physical_address": address, "force": True}
        stage(self._connection.client, self._repository, BRANCH, row["path"], description)


def _as_before(old: str, new: str) -> str:
    """Return where the bytes are now, in the words of the old address where both mean the same content.

    The embedded server's trees hold them, and so have the same ids as before.
    """
    before, now = _OWN_ADDRESS.search(old), _OWN_ADDRESS.search(new)
    if before is None or now is None or before.group(2) != now.group(2):
        return new
    return new[: now.start()] + before.group()
