"""Delivery of an event on every channel: tried again, within bounded time, and never an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from mlops.adapters.notifications.channels import Channel
from mlops.adapters.notifications.events import Event
from mlops.runs.errors import bounded

ATTEMPTS = 3
PAUSE_S = 0.2


def deliver(
    event: Event,
    channels: Sequence[Channel],
    tell: Callable[[str], None],
    *,
    deadline_s: float = 5.0,
    pause_s: float = PAUSE_S,
) -> bool:
    """Send an event on every channel at the same time; return whether all took it.

    Whatever goes wrong is told in a line. After the deadline nothing is waited for any more.

    Args:
        event: The event.
        channels: The channels.
        tell: Receives a line for each channel that did not take it.
        deadline_s: Longest time that this may take, seconds.
        pause_s: Pause before the second attempt, seconds; doubled before each further one.
    """
    until = time.monotonic() + deadline_s
    failures: dict[str, str] = {channel.name: "no answer in time" for channel in channels}
    senders = [
        # A daemon: a server that keeps a connection open must not keep the process.
        threading.Thread(target=_send, args=(event, channel, until, pause_s, failures), daemon=True)
        for channel in channels
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(max(0.0, until - time.monotonic()))
    for name, why in dict(failures).items():
        tell(f"the {name} was not told of the {event.kind}: {why}")
    return not failures


def _send(event: Event, channel: Channel, until: float, pause_s: float, failures: dict[str, str]) -> None:
    for attempt in range(ATTEMPTS):
        left_s = until - time.monotonic()
        if left_s <= 0:
            return
        try:
            channel.send(event, left_s)
        except Exception as error:
            failures[channel.name] = bounded(str(error) or type(error).__name__, 200)
        else:
            failures.pop(channel.name, None)
            return
        if attempt + 1 < ATTEMPTS:
            time.sleep(min(pause_s * 2**attempt, max(0.0, until - time.monotonic())))
