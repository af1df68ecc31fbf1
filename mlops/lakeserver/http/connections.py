"""Limits on connections: an idle client cannot keep the others out.

A connection counts as somebody's once a request on it carried valid credentials; until then it is anonymous.
Anonymous connections have a share of their own, so that there is always room for those with a key: where that
share is used up, the anonymous connection that has waited longest makes room for the new one.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Protocol

REAP_S = 1.0
_DESCRIPTORS_BESIDES = 384


class Phase(enum.Enum):
    """The state of a connection: waiting for a request's head, its body, our answer, or the next request."""

    HEAD = 1
    BODY = 2
    ANSWER = 3
    IDLE = 4


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits on the number of connections and on their times.

    Attributes:
        total: connections in all.
        anonymous: of these, without credentials so far.
        per_address: of these, from one address.
        head_s: from a request's first byte (or from the connection's beginning) to the end of its head.
        body_grace_s: from then on, an anonymous body has to keep up with `body_bytes_per_s`.
        body_bytes_per_s: how fast it has to come in on average, while the server reads.
        stalled_s: how long a client with credentials may send nothing of a body, and any client may take
            nothing of an answer.
    """

    total: int = 640
    anonymous: int = 256
    per_address: int = 192
    head_s: float = 10.0
    body_grace_s: float = 20.0
    body_bytes_per_s: float = 1024.0
    stalled_s: float = 120.0

    def within(self, descriptors: int) -> ConnectionLimits:
        """Return limits that leave the process enough of its file descriptors for everything else."""
        total = max(16, min(self.total, descriptors - _DESCRIPTORS_BESIDES, descriptors * 3 // 4))
        anonymous = min(self.anonymous, total // 2)
        per_address = min(self.per_address, anonymous * 3 // 4)
        return replace(self, total=total, anonymous=anonymous, per_address=per_address)


class Connection(Protocol):
    """The interface of a connection; its times are the event loop's."""

    phase: Phase
    since: float
    address: str
    body_bytes: int

    def waits_for_us(self) -> bool:
        """Return whether it is the server that does not read at the moment."""
        ...

    def unsent_bytes(self) -> int:
        """Return how much of an answer the client has not taken yet."""
        ...

    def drop(self, status: int) -> None:
        """End the connection; where a request is coming in, with an answer of that status."""
        ...


class Connections:
    """All connections of one server; used on the event loop alone."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        # In the order in which they came.
        self._anonymous: dict[Connection, None] = {}
        self._known: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()
        self._progress: dict[Connection, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._anonymous) + len(self._known)

    def add(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a new connection in and return True, or False where there is no room for it."""
        if self._timer is None:
            self._timer = loop.call_later(REAP_S, self._reap, loop)
        if not self._make_room(connection.address):
            return False
        self._anonymous[connection] = None
        self._by_address[connection.address] += 1
        return True

    def trust(self, connection: Connection) -> None:
        """Note that a request with valid credentials came over a connection."""
        if connection in self._anonymous:
            self._remove_anonymous(connection)
            self._known[connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._remove_anonymous(connection)
        self._known.pop(connection, None)
        self._progress.pop(connection, None)

    def _remove_anonymous(self, connection: Connection) -> None:
        if connection in self._anonymous:
            del self._anonymous[connection]
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def _make_room(self, address: str) -> bool:
        """Have the longest waiting connection end where one too many would be there."""
        if self._by_address[address] >= self.limits.per_address:
            return self._end_one([one for one in self._anonymous if one.address == address])
        if len(self._anonymous) >= self.limits.anonymous:
            return self._end_one(list(self._anonymous))
        if len(self) >= self.limits.total:
            idle = [one for one in self._known if one.phase is Phase.IDLE]
            return self._end_one([*self._anonymous, *idle])
        return True

    def _end_one(self, candidates: list[Connection]) -> bool:
        for one in candidates:
            if one.phase is not Phase.ANSWER:
                self.remove(one)
                one.drop(503)
                return True
        return False

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what takes too long; runs once a second while there are connections."""
        now = loop.time()
        for one in [*self._anonymous, *self._known]:
            if self._is_late(one, now, known=one in self._known):
                one.drop(408)
        self._timer = loop.call_later(REAP_S, self._reap, loop) if len(self) else None

    def _is_late(self, one: Connection, now: float, *, known: bool) -> bool:
        if one.phase is Phase.HEAD:
            return now - one.since > self.limits.head_s
        if one.phase is Phase.ANSWER:
            unsent = one.unsent_bytes()
            return self._is_stalled(one, unsent, now, busy=not unsent)
        if one.phase is not Phase.BODY:
            return False
        if known:
            return self._is_stalled(one, one.body_bytes, now, busy=one.waits_for_us())
        if one.waits_for_us():
            one.since += REAP_S
            return False
        late_s = now - one.since - self.limits.body_grace_s
        return late_s * self.limits.body_bytes_per_s > one.body_bytes

    def _is_stalled(self, one: Connection, progress: int, now: float, *, busy: bool) -> bool:
        """Return whether `progress` has long been the same, while it was not the server that was busy."""
        seen, since = self._progress.get(one, (-1, now))
        if busy or progress != seen:
            self._progress[one] = progress, now
            return False
        return now - since > self.limits.stalled_s


def trust(scope: Any) -> None:
    """Note that a request's credentials are valid."""
    connection = scope.get("lake.connection")
    if connection is not None:
        connection.trust()
