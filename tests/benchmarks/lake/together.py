"""Several clients that commit at once, each to a branch of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.benchmarks.lake.comparing import Sides, at_once, measured, row
from tests.benchmarks.lake.scale import Scale
from tests.benchmarks.lake.sides import OURS, THEIRS, LakeSide, name_of
from tests.benchmarks.measuring import Side
from tests.benchmarks.report import Row

_CLIENTS = 8
_numbers = itertools.count()


def measure(sides: Sides, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the row of commits per second, each of one object that is uploaded before."""
    name = f"{_CLIENTS} clients committing to {_CLIENTS} branches"
    tell(name)
    kept = {key: side for key, side in sides.items() if key in (OURS, THEIRS)}
    with ExitStack() as stack:
        turns = {key: _committing(stack, side, scale.commits) for key, side in kept.items()}
        return [row(name, "1/s", measured(scale, turns))]


def _committing(stack: ExitStack, side: LakeSide, commits: int) -> Side:
    clients = [stack.enter_context(side.client(name_of(1_000))) for _ in range(_CLIENTS)]
    for number, client in enumerate(clients):
        client.call("POST", "/branches", {"name": f"own-{number}", "source": "main"})

    def work(number: int) -> None:
        client, branch = clients[number], f"own-{number}"
        for _ in range(commits):
            content = next(_numbers)
            client.upload(branch, f"own/{content}", b"%d" % content)
            client.call("POST", f"/branches/{branch}/commits", {"message": "Add an object"})

    def turn(_: int) -> float:
        began = time.perf_counter()
        at_once(_CLIENTS, work)
        return _CLIENTS * commits / (time.perf_counter() - began)

    return turn
