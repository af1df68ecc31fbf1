"""Committing, comparing, merging, branching and resetting in repositories of several sizes."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from tests.benchmarks.lake.comparing import Sides, measured, row
from tests.benchmarks.lake.filling import path_of
from tests.benchmarks.lake.raw import RawClient
from tests.benchmarks.lake.scale import Scale
from tests.benchmarks.lake.sides import OURS, THEIRS, name_of
from tests.benchmarks.measuring import Side, seconds
from tests.benchmarks.report import Row

_CHANGES = 100
#: Small things are done so often in a turn, and the time of one is taken.
_TIMES = 10
_GROWTH = 2.0


def measure(sides: Sides, scale: Scale, tell: Callable[[str], None]) -> list[Row]:
    """Return the rows of each size, then how much the embedded server's times grow."""
    kept = {key: side for key, side in sides.items() if key in (OURS, THEIRS)}
    rows: list[Row] = []
    ours: dict[int, dict[str, float]] = {}
    for size in scale.sizes:
        found = _of_size(kept, scale, size, tell)
        ours[size] = {what: figures[OURS] for what, figures in found.items()}
        rows += [row(f"{what}, {size:,} objects", "ms", figures) for what, figures in found.items()]
    few, many = scale.sizes[0], scale.sizes[-1]
    return rows + [
        Row(f"{what}: {many:,} objects against {few:,}", figure, "ms", ours[few][what], _GROWTH)
        for what, figure in ours[many].items()
    ]


def _of_size(
    sides: Sides, scale: Scale, size: int, tell: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    # The numbers are spread over the whole repository, and none comes twice.
    count = (_CHANGES + 1) * (scale.repetitions + 1)
    numbers = random.Random(size).sample(range(size), count)
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        works = {
            key: _Work(stack.enter_context(side.client(name_of(size))), numbers)
            for key, side in sides.items()
        }
        for what, turn_of in _TURNS.items():
            tell(f"{what}, {size:,} objects")
            turns: dict[str, Side] = {key: partial(turn_of, work) for key, work in works.items()}
            found[what] = measured(scale, turns)
    return found


class _Work:
    """What is done in one repository of one server; each turn returns milliseconds."""

    def __init__(self, client: RawClient, numbers: list[int]) -> None:
        self._client = client
        self._numbers = numbers
        self._created = itertools.count()
        self._heads: list[str] = []

    def commit(self, repetition: int) -> float:
        """Commit changes to objects all over the repository, on a branch of their own."""
        branch = f"changes-{repetition}"
        self._client.call("POST", "/branches", {"name": branch, "source": "main"})
        at = (_CHANGES + 1) * repetition
        for number in self._numbers[at : at + _CHANGES]:
            self._client.upload(branch, path_of(number), b"changed %d" % number)
        return 1e3 * seconds(lambda: self._commit(branch))

    def _commit(self, branch: str) -> None:
        self._client.call("POST", f"/branches/{branch}/commits", {"message": "Change objects"})

    def diff(self, repetition: int) -> float:
        """List what the branch changed since it left `main`."""
        target = f"/refs/main/diff/changes-{repetition}"
        began = time.perf_counter()
        answer = self._client.call("GET", target, amount=1000)
        taken = time.perf_counter() - began
        if len(answer["results"]) != _CHANGES:
            raise RuntimeError(f"a diff shows {len(answer['results'])} of {_CHANGES} changes")
        return 1e3 * taken

    def merge(self, repetition: int) -> float:
        """Merge the branch into `main`, which has gone on meanwhile."""
        number = self._numbers[(_CHANGES + 1) * repetition + _CHANGES]
        self._client.upload("main", path_of(number), b"meanwhile %d" % number)
        self._commit("main")
        target = f"/refs/changes-{repetition}/merge/main"
        return 1e3 * seconds(lambda: self._client.call("POST", target, {}))

    def branch(self, _: int) -> float:
        """Create branches; the time of one is taken."""
        names = [f"new-{next(self._created)}" for _ in range(_TIMES)]

        def create() -> None:
            for name in names:
                self._client.call("POST", "/branches", {"name": name, "source": "main"})

        return 1e3 * seconds(create) / _TIMES

    def reset(self, _: int) -> float:
        """Move a branch's head to and fro; the time of one move is taken."""
        if not self._heads:
            log = self._client.call("GET", "/refs/main/commits", amount=2, first_parent="true")
            self._heads = [entry["id"] for entry in log["results"]]
        target = "/branches/new-0/hard_reset"

        def move() -> None:
            for number in range(_TIMES):
                self._client.call("PUT", target, ref=self._heads[number % 2])

        return 1e3 * seconds(move) / _TIMES


_TURNS: dict[str, Callable[[_Work, int], float]] = {
    f"commit of {_CHANGES} changes": _Work.commit,
    f"diff of {_CHANGES} changes": _Work.diff,
    f"merge of {_CHANGES} changes": _Work.merge,
    "branch creation": _Work.branch,
    "hard reset": _Work.reset,
}
