"""Small uploads per second, and a large file to and fro; with the SDK and with a raw client."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.benchmarks.lake.comparing import Sides, at_once, beside, measured, row
from tests.benchmarks.lake.scale import Scale
from tests.benchmarks.lake.sides import OURS, OURS_OS, THEIRS, LakeSide, name_of
from tests.benchmarks.measuring import MIB, Side, seconds
from tests.benchmarks.report import Row

_REPOSITORY, _BRANCH = name_of(1_000), "main"
_SMALL_BYTES = 1024

#: A function that uploads bytes to a path, and one that fetches a path's and says how many there are.
Transfer = tuple[Callable[[str, bytes], object], Callable[[str], int]]
_numbers = itertools.count()


@contextmanager
def raw(side: LakeSide) -> Iterator[Transfer]:
    """Transfer with a client that costs next to nothing."""
    with side.client(_REPOSITORY) as client:
        yield (
            lambda path, body: client.upload(_BRANCH, path, body),
            lambda path: client.download(_BRANCH, path),
        )


@contextmanager
def sdk(side: LakeSide) -> Iterator[Transfer]:
    """Transfer as users of the SDK do."""
    from lakefs import Client, Repository

    key = side.credentials
    client = Client(host=key.endpoint, username=key.access_key_id, password=key.secret_access_key)
    branch = Repository(_REPOSITORY, client=client).branch(_BRANCH)
    yield (
        lambda path, body: branch.object(path).upload(body, mode="wb"),
        lambda path: len(branch.object(path).reader(mode="rb").read()),
    )


_CLIENTS: dict[str, Callable[[LakeSide], AbstractContextManager[Transfer]]] = {"raw client": raw, "SDK": sdk}


def measure(sides: Sides, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows of small and large transfers."""
    rows: list[Row] = []
    for client in _CLIENTS:
        for count in (1, 8):
            name = f"uploads of 1 KiB, {count} client{'s' * (count > 1)}, {client}"
            tell(name)
            with ExitStack() as stack:
                turns = {key: _small(stack, side, client, count, scale.turn_s) for key, side in sides.items()}
                found = measured(scale, turns)
            rows += [row(name, "1/s", found, OURS_OS), beside(f"{name}, durable", "1/s", found)]
    for client in _CLIENTS:
        rows += _large(sides, scale, client, tell)
    return rows


def _small(stack: ExitStack, side: LakeSide, client: str, count: int, turn_s: float) -> Side:
    """Return what measures uploads per second of so many clients at once."""
    clients = [stack.enter_context(_CLIENTS[client](side)) for _ in range(count)]

    def turn(_: int) -> float:
        began, done = time.perf_counter(), [0] * count
        until = began + turn_s

        def work(number: int) -> None:
            upload, _ = clients[number]
            while time.perf_counter() < until:
                upload(f"small/{next(_numbers):09d}", os.urandom(_SMALL_BYTES))
                done[number] += 1

        at_once(count, work)
        return sum(done) / (time.perf_counter() - began)

    return turn


def _large(sides: Sides, scale: Scale, client: str, tell: Callable[[str], None]) -> list[Row]:
    size = f"{scale.file_bytes // MIB} MiB"
    body = bytearray(os.urandom(scale.file_bytes))
    with ExitStack() as stack:
        clients = {key: stack.enter_context(_CLIENTS[client](side)) for key, side in sides.items()}
        tell(f"{size} up, {client}")
        up = measured(scale, {key: _upload(transfer, body) for key, transfer in clients.items()})
        tell(f"{size} down, {client}")
        kept = {key: transfer for key, transfer in clients.items() if key in (OURS, THEIRS)}
        down = measured(scale, {key: _download(transfer, scale.file_bytes) for key, transfer in kept.items()})
    return [
        row(f"{size} up, {client}", "MiB/s", up, OURS_OS),
        beside(f"{size} up, {client}, durable", "MiB/s", up),
        row(f"{size} down, {client}", "MiB/s", down),
    ]


def _upload(transfer: Transfer, body: bytearray) -> Side:
    def turn(_: int) -> float:
        # No side gets by with bytes that it has already.
        body[:16] = os.urandom(16)
        sent = bytes(body)
        return len(sent) / MIB / seconds(lambda: transfer[0]("large", sent))

    return turn


def _download(transfer: Transfer, size: int) -> Side:
    def turn(_: int) -> float:
        began = time.perf_counter()
        if transfer[1]("large") != size:
            raise RuntimeError("the file is not whole")
        return size / MIB / (time.perf_counter() - began)

    return turn
