"""All ports as one value, as operations of the core take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mlops.runs.inputs import Mode
from mlops.runs.ports.lake import Lake
from mlops.runs.ports.machine import Author, Clock, Processes
from mlops.runs.ports.tracker import Tracker
from mlops.runs.record.seen import RecordWitness
from mlops.runs.records import Run
from mlops.runs.statements import Signer, Trust


@dataclass(frozen=True)
class Ports:
    """The outside, as one value.

    Attributes:
        lake: The pipeline's repository.
        tracker: The experiment tracker.
        clock: Time.
        processes: Who works where.
        nonce: Returns a fresh name of up to 32 of a-z and 0-9.
        lease_ttl_s: How long a lease is believed where its owner cannot be seen, in seconds.
        tell: Receives one line of progress at a time.
        signer: Signs statements; without one they bear no signature.
        trust: The keys whose signatures count; without any, statements are read unverified.
        author: Returns who changes `main` from here.
        mode: Mode of the environment; in mode dev nothing is promoted.
        witnesses: Places outside the lake that keep the newest change of its record.
        proved: Commit id to the attempt there, for commits of steps that this process has made or proved.
    """

    lake: Lake
    tracker: Tracker
    clock: Clock
    processes: Processes
    nonce: Callable[[], str]
    lease_ttl_s: int = 3600
    tell: Callable[[str], None] = lambda _line: None
    signer: Signer | None = None
    trust: Trust | None = None
    author: Callable[[], Author] = Author
    mode: Mode = Mode.STANDARD
    witnesses: Sequence[RecordWitness] = ()
    proved: dict[str, Run] = field(default_factory=dict[str, Run], repr=False, compare=False)
