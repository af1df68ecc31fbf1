"""Branch patterns as lakeFS matches them: the grammar of Go's `path.Match`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from mlops.lakeserver.grammar import wildcards
from mlops.lakeserver.grammar.wildcards import MAX_PATTERN_CHARS, Accepts, Automaton


class BadPattern(wildcards.BadPattern):
    """The pattern is malformed; lakeFS fails every operation that reads it."""

    def __init__(self, message: str = "syntax error in pattern") -> None:
        super().__init__(message)


def match(pattern: str, name: str) -> bool:
    """Return whether the whole `name` matches: `*` and `?` stop at `/`, `[a-z]`, `[^a-z]`, backslash escapes.

    Raises:
        BadPattern: a class is empty, open or has a bare `-`, or a backslash stands last.
    """
    return _compiled(pattern).matches(name)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Automaton:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise BadPattern(f"pattern is longer than {MAX_PATTERN_CHARS} characters")
    made = Automaton(wild=lambda char: char != "/")
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            made.any()
        elif char == "?":
            made.one()
        elif char == "[":
            made.of_class(_char_class(chars))
        elif char == "\\":
            made.literal(_next(chars))
        else:
            made.literal(char)
    return made


def _char_class(chars: Iterator[str]) -> Accepts:
    char = _next(chars)
    negated = char == "^"
    if negated:
        char = _next(chars)
    ranges: list[tuple[str, str]] = []
    while char != "]" or not ranges:
        low = high = _bound(char, chars)
        char = _next(chars)
        if char == "-":
            high = _bound(_next(chars), chars)
            char = _next(chars)
        ranges.append((low, high))
    return lambda char: any(low <= char <= high for low, high in ranges) is not negated


def _bound(char: str, chars: Iterator[str]) -> str:
    if char in "-]":
        raise BadPattern
    return _next(chars) if char == "\\" else char


def _next(chars: Iterator[str]) -> str:
    char = next(chars, "")
    if not char:
        raise BadPattern
    return char
