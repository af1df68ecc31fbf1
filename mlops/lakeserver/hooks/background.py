"""Events whose hooks run after the answer was sent."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from mlops.lakeserver.hooks.interface import Event

_THREADS = 2
_LOG = logging.getLogger(__name__)


class Background:
    """A few daemon threads that run submitted events, in order of arrival, started when first needed."""

    def __init__(self, run: Callable[[Event, str, int], None]) -> None:
        self._run = run
        self._waiting: deque[tuple[Event, str, int]] = deque()
        self._busy = 0
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._changed = threading.Condition()

    def put(self, event: Event, actions_ref: str, depth: int) -> None:
        """`event` waits for a thread; after `close` it is dropped. `depth` is handed on to what runs it."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append((event, actions_ref, depth))
            if len(self._threads) < min(_THREADS, len(self._waiting) + self._busy):
                thread = threading.Thread(target=self._work, name="lake-hooks", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Return whether nothing waits or runs any more, within `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` for what was put, then takes nothing more."""
        self.drain(timeout_s)
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                waiting = self._waiting.popleft()
                self._busy += 1
            try:
                self._run(*waiting)
            except Exception:
                _LOG.exception("hooks of %s in %s failed", waiting[0].event_type, waiting[0].repository_id)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()
