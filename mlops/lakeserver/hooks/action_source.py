"""The actions of a ref, read through a LakeView and kept by what the files contain.

lakeFS keeps the action files of a ref for 5 to 7.5 seconds by the ref's name, so that a hook just staged on a
branch may not run yet; here what the branch holds at that moment counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from mlops.lakeserver.hooks.definitions import Action, error_list, parse_actions
from mlops.lakeserver.hooks.interface import ACTIONS_PREFIX, ActionFileInvalid, LakeView, Limits

_CACHED_REFS = 256
_PAGE = 1000

_Key = tuple[tuple[str, str], ...]


class ActionSource:
    """Reads action files; parses each set of files once."""

    def __init__(self, view: LakeView, limits: Limits) -> None:
        self._view = view
        self._limits = limits
        self._cache: dict[_Key, tuple[Action, ...]] = {}
        self._lock = threading.Lock()

    def actions(self, repository: str, ref: str) -> tuple[Action, ...]:
        """Return the actions of every file directly under the actions folder, in the order of their paths.

        Raises:
            ActionFileInvalid: a file cannot be read or used.
        """
        key = tuple(self._files(repository, ref))
        if not key:
            return ()
        known = all(identity for _, identity in key)
        with self._lock:
            if known and key in self._cache:
                return self._cache[key]
        actions = parse_actions([(path, self._text(repository, ref, path)) for path, _ in key])
        if known:
            self._keep(key, actions)
        return actions

    def _keep(self, key: _Key, actions: tuple[Action, ...]) -> None:
        with self._lock:
            while len(self._cache) >= _CACHED_REFS:
                self._cache.pop(next(iter(self._cache)))
            self._cache[key] = actions

    def _files(self, repository: str, ref: str) -> Iterator[tuple[str, str]]:
        """Path and content identity ("" if the view knows none) of each file."""
        after = ""
        while True:
            status, page = self._view.list_objects(repository, ref, after, ACTIONS_PREFIX, "/", _PAGE)
            if status != 200:
                why = f"list actions from commit: listing actions: {_detail(page)}"
                raise ActionFileInvalid(why, status=404 if status == 404 else 500)
            for item in page["results"]:
                if item.get("path_type") == "common_prefix":
                    raise _unreadable(
                        item["path"], f"get action file metadata {item['path']}: not found", 404
                    )
                if item.get("size_bytes", 0) > self._limits.action_file_bytes:
                    why = f"larger than {self._limits.action_file_bytes} bytes"
                    raise _unreadable(item["path"], why, 500)
                checksum = item.get("checksum", "")
                yield item["path"], f"{checksum}:{item.get('size_bytes', '')}" if checksum else ""
            if not page["pagination"]["has_more"]:
                return
            after = page["pagination"]["next_offset"]

    def _text(self, repository: str, ref: str, path: str) -> bytes:
        status, body = self._view.get_object(repository, ref, path)
        if status != 200:
            raise _unreadable(path, f"reading action file {path}: HTTP {status}", 500)
        return body


def _detail(body: Any) -> str:
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def _unreadable(path: str, why: str, status: int) -> ActionFileInvalid:
    return ActionFileInvalid(error_list([f"loading file {path}: {why}"]), status=status)
