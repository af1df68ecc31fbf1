"""A merge that the enforcer's double judges, and how it reads the lake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops.runs.errors import NotFound, Unlawful
from mlops.runs.ports import Commit
from mlops.runs.records import Kind
from tests.support.memory_lake import MemoryLake


def read_optional(lake: MemoryLake, ref: str, path: str) -> bytes | None:
    try:
        return lake.read(ref, path)
    except NotFound:
        return None


def read_json(lake: MemoryLake, ref: str, path: str) -> Any:
    data = read_optional(lake, ref, path)
    try:
        return None if data is None else json.loads(data)
    except ValueError:
        raise Unlawful(f"{path} is not a JSON object") from None


def is_ancestor(lake: MemoryLake, commit: str, of: str) -> bool:
    return any(c.id == commit for c in lake.log(of))


@dataclass(frozen=True)
class Merge:
    """A merge into `main` that is being attempted."""

    lake: MemoryLake
    commit: Commit
    changed: dict[str, str]

    @property
    def head(self) -> str:
        return self.commit.parents[0]

    @property
    def meta(self) -> dict[str, str]:
        return dict(self.commit.metadata)

    @property
    def kind(self) -> str:
        return self.meta.get("kind", "")

    @property
    def forward(self) -> bool:
        return self.kind == Kind.ROLLBACK and self.meta.get("forward") == "true"

    def before(self, path: str) -> Any:
        return read_json(self.lake, self.head, path)

    def after(self, path: str) -> Any:
        return read_json(self.lake, self.commit.id, path)

    def refuse_unless(self, holds: object, words: str) -> None:
        if not holds:
            raise Unlawful(words)


Guard = Callable[[Merge], None]
