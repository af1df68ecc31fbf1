"""Sessions of people who logged in, kept by the server, and how often a wrong key may be tried."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

SESSION_S = 12 * 3600
MAX_SESSIONS = 1_000
MAX_FAILURES = 10
FAILURE_WINDOW_S = 60.0
_MAX_ADDRESSES = 1_000


class SessionTable(Protocol):
    """The store of sessions: the hash of each session's id, and its end (unix seconds)."""

    def load(self) -> dict[str, int]:
        """Return all of them."""
        ...

    def add(self, key: str, expires: int, gone: list[str]) -> None:
        """Keep a session and remove those that are `gone`; on disk when this returns."""
        ...

    def remove(self, key: str) -> None:
        """Remove a session; on disk when this returns."""
        ...


class Sessions:
    """The sessions that have begun and not ended; a restart of the server does not end them."""

    def __init__(self, table: SessionTable, clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._expires = table.load()

    def begin(self) -> tuple[str, int]:
        """Begin a session; return its id and when it ends (unix seconds)."""
        session_id, expires = secrets.token_urlsafe(24), int(self._clock()) + SESSION_S
        with self._lock:
            oldest = sorted(self._expires, key=self._expires.__getitem__)
            kept = [key for key in oldest if self._expires[key] > self._clock()][-(MAX_SESSIONS - 1) :]
            gone = [key for key in oldest if key not in set(kept)]
            for key in gone:
                del self._expires[key]
            key = _hash(session_id)
            self._expires[key] = expires
        self._table.add(key, expires, gone)
        return session_id, expires

    def is_open(self, session_id: str) -> bool:
        """Return whether a session has begun and neither ended nor expired."""
        return self._expires.get(_hash(session_id), 0) > self._clock()

    def end(self, session_id: str) -> None:
        """End a session; nothing happens where there is none."""
        key = _hash(session_id)
        with self._lock:
            known = self._expires.pop(key, None)
        if known is not None:
            self._table.remove(key)


class LoginThrottle:
    """Counts wrong keys by the address they come from; after a few, none is looked at for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, deque[float]] = {}

    def wait_s(self, address: str) -> int:
        """Return how many seconds an address has to wait before its next try; 0 for none."""
        with self._lock:
            times = self._recent(address)
            if len(times) < MAX_FAILURES:
                return 0
            return max(1, int(times[0] + FAILURE_WINDOW_S - self._clock()) + 1)

    def failed(self, address: str) -> None:
        """Note a wrong key."""
        with self._lock:
            times = self._recent(address)
            times.append(self._clock())
            self._failures.pop(address, None)
            self._failures[address] = times
            while len(self._failures) > _MAX_ADDRESSES:
                del self._failures[next(iter(self._failures))]

    def _recent(self, address: str) -> deque[float]:
        times = self._failures.get(address, deque(maxlen=MAX_FAILURES))
        now = self._clock()
        while times and not now - FAILURE_WINDOW_S < times[0] <= now:
            times.popleft()
        return times


def _hash(session_id: str) -> str:
    return hashlib.blake2b(session_id.encode("utf-8", "replace"), digest_size=20).hexdigest()
