"""A lake in memory, and engines on it that leave no process behind.

FakeLake.refs = {"main": {"_lakefs_actions/gate.yaml": b"...", ...}, "<commit id>": {...}}
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlops.lakeserver.hooks.engine import ActionRun, HookEngine, Limits

ACTIONS = "_lakefs_actions/"
START = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED = Path(__file__).with_name("recorded")


@dataclass
class FakeLake:
    """A LakeView of refs with files; counts what it is asked."""

    refs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    metadata: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    on_create_tag: Callable[[str, str], None] = lambda _ref, _tag: None

    def _files(self, ref: str) -> dict[str, bytes] | None:
        return self.refs.get(self.tags.get(ref, ref))

    def _stats(self, ref: str, path: str, data: bytes) -> dict[str, Any]:
        return {
            "path": path,
            "path_type": "object",
            "physical_address": "local://runs/data/x",
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "mtime": 1767225600,
            "size_bytes": len(data),
            "metadata": self.metadata.get((ref, path), {}),
            "content_type": "application/octet-stream",
        }

    def get_object(self, repository: str, ref: str, path: str) -> tuple[int, bytes]:
        self.asked.append(("get_object", repository, ref, path))
        files = self._files(ref)
        if files is None or path not in files:
            return 404, b'{"message":"not found"}\n'
        return 200, files[path]

    def stat_object(self, repository: str, ref: str, path: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(("stat_object", repository, ref, path))
        files = self._files(ref)
        if files is None or path not in files:
            return 404, {"message": "not found"}
        return 200, self._stats(ref, path, files[path])

    def list_objects(
        self, repository: str, ref: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, dict[str, Any]]:
        self.asked.append(("list_objects", repository, ref, after, prefix, delimiter, str(amount)))
        files = self._files(ref)
        if files is None:
            return 404, {"message": "not found"}
        rows: dict[str, dict[str, Any]] = {}
        for path in sorted(files):
            rest = path[len(prefix) :]
            if not path.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                name = prefix + rest.partition(delimiter)[0] + delimiter
                empty = {"checksum": "", "mtime": 0, "physical_address": ""}
                rows[name] = {"path": name, "path_type": "common_prefix", **empty}
            else:
                rows[path] = self._stats(ref, path, files[path])
        return 200, page([row for name, row in rows.items() if name > after], amount)

    def diff_refs(
        self, repository: str, left: str, right: str, after: str, prefix: str, delimiter: str, amount: int
    ) -> tuple[int, dict[str, Any]]:
        self.asked.append(("diff_refs", repository, left, right, after, prefix, delimiter, str(amount)))
        old, new = self._files(left), self._files(right)
        if old is None or new is None:
            return 404, {"message": "not found"}
        kinds = {
            path: "added" if path not in old else "removed" if path not in new else "changed"
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path) and path.startswith(prefix) and path > after
        }
        rows = [{"type": kind, "path": path, "path_type": "object"} for path, kind in kinds.items()]
        return 200, page(rows, amount)

    def diff_branch(
        self, repository: str, branch: str, after: str, amount: int, prefix: str, delimiter: str
    ) -> tuple[int, dict[str, Any]]:
        self.asked.append(("diff_branch", repository, branch, after, str(amount), prefix, delimiter))
        return (200, page([], amount)) if branch in self.refs else (404, {"message": "branch not found"})

    def create_tag(self, repository: str, ref: str, tag: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(("create_tag", repository, ref, tag))
        if tag in self.tags:
            return 409, {"message": "tag already exists: not unique"}
        self.on_create_tag(ref, tag)
        self.tags[tag] = ref
        return 201, {"id": tag, "commit_id": ref}

    def update_object_user_metadata(
        self, repository: str, branch: str, path: str, metadata: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        self.asked.append(("update_object_user_metadata", repository, branch, path))
        if path not in self.refs.get(branch, {}):
            return 404, {"message": "not found"}
        self.metadata[branch, path] = metadata
        return 204, {}


def page(rows: list[dict[str, Any]], amount: int) -> dict[str, Any]:
    shown = rows[:amount]
    more = len(rows) > len(shown)
    pagination = {
        "has_more": more,
        "next_offset": shown[-1]["path"] if more else "",
        "results": len(shown),
        "max_per_page": 1000,
    }
    return {"pagination": pagination, "results": shown}


@dataclass
class Recorder:
    """A RunSink that keeps runs in a list."""

    runs: list[ActionRun] = field(default_factory=list)

    def record(self, run: ActionRun) -> None:
        self.runs.append(run)


@pytest.fixture
def lake() -> FakeLake:
    return FakeLake(refs={"main": {}})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def make_engine(lake: FakeLake, recorder: Recorder) -> Iterator[Callable[..., HookEngine]]:
    engines: list[HookEngine] = []

    def make(**given: Any) -> HookEngine:
        seconds, ids = itertools.count(), itertools.count(1)
        engine = HookEngine(
            given.pop("view", lake),
            recorder,
            clock=lambda: START + timedelta(seconds=next(seconds)),
            new_id=lambda: f"run{next(ids)}",
            **{"limits": Limits(lua_wall_clock_s=20.0), **given},
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """What lakeFS itself answered, by file name."""
    return lambda name: json.loads((RECORDED / name).read_text("utf-8"))
