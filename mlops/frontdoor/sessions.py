"""Sessions, one-time codes and the throttle of failed logins; all in memory, gone when the door stops."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

SESSION_S = 12 * 3600
CODE_S = 60.0
RECHECK_S = 30.0

_MOST_SESSIONS = 256
_MOST_CODES = 32

Clock = Callable[[], float]


@dataclass
class Session:
    """One browser that is logged in.

    Attributes:
        access_key_id: Whose key opened it.
        secret_access_key: The key; it is asked about again as long as the session lasts.
        lake_cookie: The lake's session cookie that goes with it; empty where the lake is not proxied.
        expires_s: When it ends at the latest, on the clock of the store.
        checked_s: When the lake last said that the key is right.
        lake_cookie_refused: Whether the lake no longer knows that session.
        user: The user of this machine whose connection opened it; None where the system does not tell.
        ended: Set when it ends; whatever lasts as long as a session waits for it.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    lake_cookie: str = field(repr=False)
    expires_s: float
    checked_s: float
    lake_cookie_refused: bool = False
    user: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)


class Sessions:
    """The sessions of a door; a stolen memory of tokens is of no use, for only their digests are kept.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[bytes, Session] = {}

    def open(
        self, access_key_id: str, secret_access_key: str, lake_cookie: str, user: int | None = None
    ) -> str:
        """Return the token of a new session; the oldest gives way where there are too many."""
        self._prune()
        while len(self._known) >= _MOST_SESSIONS:
            self._end(next(iter(self._known)))
        now = self._clock()
        token = secrets.token_urlsafe(32)
        self._known[_digest(token)] = Session(
            access_key_id, secret_access_key, lake_cookie, now + SESSION_S, now, user=user
        )
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token, or None."""
        digest = _digest(token)
        session = self._known.get(digest)
        if session is not None and session.expires_s <= self._clock():
            self._end(digest)
            return None
        return session

    def close(self, token: str) -> None:
        """End a session; its WebSockets end with it."""
        self._end(_digest(token))

    def close_key(self, access_key_id: str, secret_access_key: str) -> None:
        """End all sessions that a key has opened, because it is not right any more."""
        for digest, session in list(self._known.items()):
            if (session.access_key_id, session.secret_access_key) == (access_key_id, secret_access_key):
                self._end(digest)

    def _prune(self) -> None:
        for digest, session in list(self._known.items()):
            if session.expires_s <= self._clock():
                self._end(digest)

    def _end(self, digest: bytes) -> None:
        session = self._known.pop(digest, None)
        if session is not None:
            session.ended.set()


@dataclass(frozen=True)
class Code:
    """The session that a one-time code is exchanged for."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    target: str
    expires_s: float


class Codes:
    """One-time codes: each opens one session, within a minute.

    Args:
        clock: Seconds that never run backwards.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[bytes, Code] = {}

    def issue(self, access_key_id: str, secret_access_key: str, target: str) -> str:
        """Return a new code for a key that has just been checked."""
        now = self._clock()
        self._known = {digest: code for digest, code in self._known.items() if code.expires_s > now}
        while len(self._known) >= _MOST_CODES:
            self._known.pop(next(iter(self._known)))
        text = secrets.token_urlsafe(32)
        self._known[_digest(text)] = Code(access_key_id, secret_access_key, target, now + CODE_S)
        return text

    def spend(self, text: str) -> Code | None:
        """Return what a code stands for and forget it; None where it is unknown, spent or too old."""
        code = self._known.pop(_digest(text), None)
        return code if code is not None and code.expires_s > self._clock() else None


class Throttle:
    """Slows guessing down: after `burst` failures in a row, one try every `refill_s` seconds.

    Args:
        clock: Seconds that never run backwards.
        burst: Failures that are answered at once.
        refill_s: How long it takes until one more is.
    """

    def __init__(self, clock: Clock, *, burst: int = 10, refill_s: float = 6.0) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._refill_s = refill_s
        self._left = self._burst
        self._seen_s = clock()

    def wait_s(self) -> float:
        """Return how long until the next try is let through; 0 for now."""
        self._refill()
        return 0.0 if self._left >= 1 else (1 - self._left) * self._refill_s

    def failed(self) -> None:
        """Count a failure."""
        self._refill()
        self._left = max(0.0, self._left - 1)

    def _refill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen_s) / self._refill_s)
        self._seen_s = now


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
