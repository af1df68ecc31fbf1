"""The newest change that a witness of the record has seen, and the port to read and write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from mlops.runs.errors import Corrupt
from mlops.runs.json_values import mapping, text, whole


@dataclass(frozen=True)
class Seen:
    """The newest change that a witness has seen.

    Attributes:
        sequence: Sequence number of the newest change.
        sha256: Hash of its statement.
        commit: The commit that carries it.
        tags: Record tags to commit ids; empty where the witness keeps none.
    """

    sequence: int
    sha256: str
    commit: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types, with tags only if there are any."""
        head: dict[str, Any] = {"sequence": self.sequence, "sha256": self.sha256, "commit": self.commit}
        return {**head, "tags": dict(self.tags)} if self.tags else head

    @staticmethod
    def from_json(value: Any, where: str) -> Seen:
        """Return the value that JSON describes, or raise `Corrupt`."""
        try:
            tags = {text(tag): text(at) for tag, at in mapping(value.get("tags")).items()}
            return Seen(whole(value["sequence"]), text(value["sha256"]), text(value["commit"]), tags)
        except (AttributeError, KeyError, TypeError) as error:
            raise Corrupt(f"not what a witness has seen: {error}", where=where) from error


class RecordWitness(Protocol):
    """A place outside the lake that keeps the newest change of `main`.

    Both methods raise an `MlopsError` if the place cannot be reached, and `read` raises `Corrupt` if its
    content was not written by this program.
    """

    @property
    def name(self) -> str:
        """Return the readable name of the place."""
        ...

    @property
    def keeps_tags(self) -> bool:
        """Return whether it keeps the record tags too."""
        ...

    def read(self) -> Seen | None:
        """Return the value written last; None before the first."""
        ...

    def write(self, seen: Seen) -> None:
        """Store the newest change."""
        ...
