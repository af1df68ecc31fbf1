"""A bounded cache of reads at commits: a commit never changes, so nothing is read twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from mlops.runs import names

MAX_BYTES = 32 << 20
#: Larger values are not kept: one model would push out everything else.
MAX_VALUE_BYTES = 1 << 18

Value = TypeVar("Value")


class CommitMemory:
    """A cache of answers about commits; the least recently used ones are dropped first.

    Args:
        max_bytes: How much is kept, by the sizes that callers state.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(
        self, ref: str, what: Hashable, ask: Callable[[], Value], size_bytes: Callable[[Value], int]
    ) -> Value:
        """Return the cached answer for a commit, or ask and cache the answer; errors are not cached.

        Args:
            ref: Where it is asked; only what is asked by a commit's id is kept.
            what: What is asked.
            ask: Asks the lake.
            size_bytes: Returns about how large an answer is in memory.
        """
        if not names.is_commit_id(ref):
            return ask()
        key = (ref, what)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast("Value", self._kept[key][0])
        value = ask()
        self._keep(key, value, size_bytes(value))
        return value

    def _keep(self, key: Hashable, value: object, size_bytes: int) -> None:
        if size_bytes > MAX_VALUE_BYTES:
            return
        with self._lock:
            _, before = self._kept.pop(key, (None, 0))
            self._kept[key] = (value, size_bytes)
            self._bytes += size_bytes - before
            while self._bytes > self._max_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
