"""Rows of the store as lakeFS's API shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.operations.writes import physical_address
from mlops.lakeserver.store.records import Commit, Repository
from mlops.lakeserver.trees.diffs import REMOVED, Change, ThreeWayChange
from mlops.lakeserver.trees.entries import Entry, decode, parts_of, size_of
from mlops.lakeserver.trees.nodes import Item

Json = dict[str, Any]

dumped = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_quoted: Callable[[str], str] = json.encoder.encode_basestring


def repository(repo: Repository) -> Json:
    """Repository."""
    return {
        "id": repo.id,
        "creation_date": repo.created,
        "default_branch": repo.default_branch,
        "storage_namespace": repo.namespace,
        "storage_id": "",
        "read_only": repo.read_only,
    }


def ref(name: str, commit_id: bytes) -> Json:
    """Ref."""
    return {"id": name, "commit_id": commit_id.hex()}


def commit(commit_id: bytes, item: Commit) -> Json:
    """Commit."""
    return {
        "id": commit_id.hex(),
        "parents": [parent.hex() for parent in item.parents],
        "committer": item.committer,
        "message": item.message,
        "creation_date": item.created,
        "meta_range_id": item.tree.hex(),
        "metadata": item.metadata,
        "generation": item.generation,
        "version": 1,
    }


def object_stats(repo: Repository, path: str, entry: Entry, *, with_metadata: bool = True) -> Json:
    """Return ObjectStats."""
    return {
        "path": path,
        "path_type": "object",
        "physical_address": physical_address(repo, entry),
        "checksum": entry.checksum,
        "size_bytes": entry.size_bytes,
        "mtime": entry.mtime,
        "metadata": entry.metadata if with_metadata else {},
        "content_type": entry.content_type,
    }


def listed(repo: Repository, item: Item | CommonPrefix, *, with_metadata: bool) -> Json:
    """Return ObjectStats in a list, where a common prefix may represent many."""
    path = item.key.decode()
    if isinstance(item, CommonPrefix):
        return {
            "path": path,
            "path_type": "common_prefix",
            "physical_address": "",
            "checksum": "",
            "mtime": 0,
        }
    shape = object_stats(repo, path, decode(item.value))
    if not (with_metadata and shape["metadata"]):
        del shape["metadata"]
    return shape


def listed_json(repo: Repository, item: Item | CommonPrefix, *, with_metadata: bool) -> str:
    """`listed` as JSON; a page has a thousand of them, so no dictionary is made for each."""
    if isinstance(item, CommonPrefix):
        return dumped(listed(repo, item, with_metadata=with_metadata))
    entry = parts_of(item.value)
    metadata = f'"metadata":{entry.metadata},' if with_metadata and entry.metadata else ""
    return (
        f'{{"path":{_quoted(item.key.decode())},"path_type":"object",'
        f'"physical_address":{_quoted(physical_address(repo, entry))},"checksum":{_quoted(entry.checksum)},'
        f'"size_bytes":{entry.size_bytes},"mtime":{entry.mtime},{metadata}'
        f'"content_type":{_quoted(entry.content_type)}}}'
    )


def diff(
    item: Change | ThreeWayChange | CommonPrefix, *, with_right: bool = False, sized: bool = True
) -> Json:
    """Diff."""
    path = item.key.decode()
    if isinstance(item, CommonPrefix):
        return {"type": "prefix_changed", "path": path, "path_type": "common_prefix"}
    shape: Json = {"type": item.kind, "path": path, "path_type": "object"}
    shown = item.right or item.left
    if isinstance(item, ThreeWayChange):
        shown = item.right or item.base or item.left
    removed_uncommitted = not sized and item.kind == REMOVED
    shape["size_bytes"] = 0 if shown is None or removed_uncommitted else size_of(shown.value)
    if with_right and shown is not None:
        # Of what was removed, lakeFS shows what it was.
        entry = decode(shown.value)
        shape["right"] = {
            "checksum": entry.checksum,
            "mtime": entry.mtime,
            "content_type": entry.content_type,
            "metadata": entry.metadata,
        }
    return shape
