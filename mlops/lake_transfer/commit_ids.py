"""Ids of commits as servers make them: of all that a commit says, with its tree's id and its parents' ids.

So a commit keeps its id where its tree has the same id as before, and its parents keep theirs.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops.runs.errors import LakeError

Fields = Mapping[str, Any]


class CommitIds:
    """Writes commits one after the other, and knows which ids they got.

    Args:
        add: Writes a commit; False where the server gives such a commit another id.
    """

    def __init__(self, add: Callable[[str, Fields], bool]) -> None:
        self._add = add
        self._formulas = [lakefs_id, embedded_id]
        self._new: dict[str, str] = {}

    def write(self, repository: str, commit: Fields, tree: str) -> str:
        """Write a commit of a dump, whose parents are written, with another tree; return its id.

        Raises:
            LakeError: The server makes ids in a way that is not known here.
        """
        fields = {
            "version": commit["version"] or 0,
            "committer": commit["committer"],
            "message": commit["message"],
            "metarange_id": tree,
            "creation_date": commit["creation_date"],
            "parents": [self._new[parent] for parent in commit["parents"]],
            "metadata": dict(commit["metadata"]),
            "generation": commit["generation"],
        }
        for formula in list(self._formulas):
            commit_id = formula(fields)
            if self._add(repository, {**fields, "commit_id": commit_id}):
                self._formulas = [formula]
                self._new[commit["id"]] = commit_id
                return commit_id
        raise LakeError("the server makes ids of commits in an unknown way", where=repository)

    def of(self, commit_id: str) -> str:
        """Return the id that a commit of the dump has now."""
        return self._new[commit_id]

    def changed(self, commit_ids: Sequence[str]) -> dict[str, str]:
        """Return the commits whose id is another now, by their ids in the dump."""
        return {old: self._new[old] for old in commit_ids if self._new[old] != old}


def embedded_id(fields: Fields) -> str:
    """Return the id that the embedded server gives to a commit."""
    from mlops.lakeserver.store.records import Commit

    made = Commit(
        tree=bytes.fromhex(fields["metarange_id"]),
        parents=tuple(bytes.fromhex(parent) for parent in fields["parents"]),
        generation=fields["generation"],
        created_ns=fields["creation_date"] * 1_000_000_000,
        committer=fields["committer"],
        message=fields["message"],
        metadata=dict(fields["metadata"]),
    )
    return made.id.hex()


def lakefs_id(fields: Fields) -> str:
    """Return the id that lakeFS gives to a commit: SHA-256 over its parts, each with its type and length."""
    parents = hashlib.sha256(_list(fields["parents"])).digest()
    metadata: Mapping[str, str] = fields["metadata"]
    parts = [
        _text("commit:v1"),
        _text(fields["committer"]),
        _text(fields["message"]),
        _text(fields["metarange_id"]),
        _number(fields["creation_date"]),
        b"\x04" + _number(len(metadata)),
        *(_text(text) for key in sorted(metadata, key=str.encode) for text in (key, metadata[key])),
        b"\x05\x00" + _number(len(parents)) + parents,
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _number(value: int) -> bytes:
    return b"\x02\x08" + struct.pack(">q", value)


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"\x01" + _number(len(raw)) + raw


def _list(values: Sequence[str]) -> bytes:
    return b"\x03" + _number(len(values)) + b"".join(map(_text, values))
