"""Match names against wildcard patterns in time that does not explode, whatever the pattern is.

A pattern is compiled to a nondeterministic automaton whose states are the bits of one integer, so that a
character of the name costs a few operations on integers however many ways there are to match it. The two
grammars that lakeFS knows are read by `branch_patterns` (protection rules) and `hooks.globs` (action files).
"""

from __future__ import annotations

from collections.abc import Callable

#: Patterns are this long at most (in characters); the cost of a match is bounded by it and the name's length.
MAX_PATTERN_CHARS = 1024

#: Tells whether a character may stand at a place.
Accepts = Callable[[str], bool]


class BadPattern(ValueError):
    """The pattern is malformed, or too long."""


class Automaton:
    """Built left to right by a parser, then asked with `matches`.

    Args:
        wild: Tells which characters `*` and `?` stand for.
    """

    def __init__(self, wild: Accepts = lambda _: True) -> None:
        self._wild = wild
        self._size = 1
        self._literals: dict[str, int] = {}
        self._wild_steps = 0
        self._classes: list[tuple[int, Accepts]] = []
        self._loops = 0
        # Steps that take no character: from any of these states to those; later ones lie further right.
        self._free: list[tuple[int, int]] = []
        self._groups: list[tuple[int, list[int]]] = []

    def literal(self, char: str) -> None:
        """Add one character that stands for itself."""
        self._literals[char] = self._literals.get(char, 0) | self._advance()

    def one(self) -> None:
        """Add `?`."""
        self._wild_steps |= self._advance()

    def any(self) -> None:
        """Add `*`."""
        self._loops |= self._last

    def of_class(self, accepts: Accepts) -> None:
        """Add a class: one character that is accepted."""
        self._classes.append((self._advance(), accepts))

    def open_group(self) -> None:
        """Begin alternatives; the first one follows."""
        start = self._last
        self._groups.append((len(self._free), []))
        self._free.append((start, 0))
        self._branch()

    def next_alternative(self) -> None:
        """End an alternative; another one follows."""
        self._groups[-1][1].append(self._last)
        self._branch()

    def close_group(self) -> None:
        """End the alternatives."""
        _, ends = self._groups.pop()
        ends.append(self._last)
        self._size += 1
        self._free.append((_union(ends), self._last))

    @property
    def _last(self) -> int:
        return 1 << (self._size - 1)

    def _advance(self) -> int:
        self._size += 1
        return self._last

    def _branch(self) -> None:
        at = self._groups[-1][0]
        start, branches = self._free[at]
        self._size += 1
        self._free[at] = (start, branches | self._last)

    def matches(self, name: str) -> bool:
        """Return whether the whole name matches."""
        steps: dict[str, int] = {}
        states, loops, free = self._closed(1), self._loops, self._free
        for char in name:
            step = steps.get(char)
            if step is None:
                step = steps[char] = self._steps(char)
            following = (states << 1) & step
            if states & loops and self._wild(char):
                following |= states & loops
            if not following:
                return False
            states = self._closed(following) if free else following
        return bool(states & self._last)

    def _closed(self, states: int) -> int:
        for sources, targets in self._free:
            if states & sources:
                states |= targets
        return states

    def _steps(self, char: str) -> int:
        """Return the states that are entered by taking this character."""
        step = self._literals.get(char, 0)
        if self._wild(char):
            step |= self._wild_steps
        for state, accepts in self._classes:
            if accepts(char):
                step |= state
        return step


def _union(states: list[int]) -> int:
    result = 0
    for state in states:
        result |= state
    return result
