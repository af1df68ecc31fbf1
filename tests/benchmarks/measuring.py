"""How things are measured: repetitions that take turns, clocks that know who works for whom, peak memory."""

from __future__ import annotations

import functools
import gc
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

MIB = 1 << 20

#: Does one repetition and returns what it measured; what it prepares first is its own business.
Side = Callable[[int], float]


def interleaved(repetitions: int, sides: Mapping[str, Side], *, first: int = 0) -> dict[str, list[float]]:
    """Return what each side measured, one figure per repetition.

    The sides take turns, and who begins changes with every repetition: a machine that slows down or is busy
    for a while meets all of them.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for repetition in range(first, first + repetitions):
        for name in sorted(sides, key=list(sides).index, reverse=repetition % 2 == 1):
            _settle()
            measured[name].append(sides[name](repetition))
    return measured


def _settle() -> None:
    """Let nobody pay for what the side before left behind: garbage, and pages that are not on disk yet."""
    gc.collect()
    if hasattr(os, "sync"):
        os.sync()


def medians(measured: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each side."""
    return {name: statistics.median(figures) for name, figures in measured.items()}


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


class Stopwatch:
    """Seconds by label, each second counted once: for the innermost of the calls that are under way."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._open: list[str] = []
        self._since = 0.0
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)

    @contextmanager
    def labelled(self, label: str) -> Iterator[None]:
        """Count what happens inside for a label."""
        self._turn()
        self._open.append(label)
        self.calls[label] += 1
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        now = self._clock()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def watching(self, functions: Mapping[str, list[tuple[Any, str]]]) -> Iterator[None]:
        """Count the calls of functions while the context lasts: label to (module or class, name)."""
        with ExitStack() as stack:
            for label, targets in functions.items():
                for owner, name in targets:
                    watched = self._watched(label, getattr(owner, name))
                    stack.enter_context(mock.patch.object(owner, name, watched))
            yield

    def _watched(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.labelled(label):
                return function(*args, **kwargs)

        return call


class PeakMemory:
    """The most resident memory that a process has had, above what it had when it was first looked at.

    The system itself keeps the highest mark, so nothing is missed between two looks.
    """

    def __init__(self, pid: int | str = "self") -> None:
        self._process = Path(f"/proc/{pid}")
        self._idle_mib = self._read("VmRSS") if self.reset() else None

    def reset(self) -> bool:
        """Forget the highest mark; return whether the system can do that."""
        try:
            (self._process / "clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def above_idle_mib(self) -> float | None:
        """Return MiB since the last reset; None on systems that do not tell."""
        return None if self._idle_mib is None else max(0.0, self._read("VmHWM") - self._idle_mib)

    def _read(self, field: str) -> float:
        for line in (self._process / "status").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == field:
                return int(rest.split()[0]) / 1024
        raise OSError(f"no {field} in {self._process}/status")
