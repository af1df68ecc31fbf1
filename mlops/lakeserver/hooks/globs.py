"""Branch patterns as lakeFS matches them: the grammar of Go's `path.Match`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache


class BadPattern(ValueError):
    """The pattern is malformed; lakeFS fails every operation that reads it."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def match(pattern: str, name: str) -> bool:
    """Whether the whole `name` matches: `*` and `?` stop at `/`, `[a-z]`, `[^a-z]`, backslash escapes.

    Raises:
        BadPattern: a class is empty, open or has a bare `-`, or a backslash stands last.
    """
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_pieces(pattern)), re.DOTALL)


def _pieces(pattern: str) -> list[str]:
    pieces: list[str] = []
    chars = iter(pattern)
    for char in chars:
        if char == "*":
            if not pieces or pieces[-1] != "[^/]*":
                pieces.append("[^/]*")
        elif char == "?":
            pieces.append("[^/]")
        elif char == "[":
            pieces.append(_char_class(chars))
        elif char == "\\":
            pieces.append(re.escape(_next(chars)))
        else:
            pieces.append(re.escape(char))
    return pieces


def _char_class(chars: Iterator[str]) -> str:
    char = _next(chars)
    negated = char == "^"
    if negated:
        char = _next(chars)
    ranges: list[str] = []
    while char != "]":
        low = high = _bound(char, chars)
        char = _next(chars)
        if char == "-":
            high = _bound(_next(chars), chars)
            char = _next(chars)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        elif not ranges:
            ranges.append("")
    if not ranges:
        raise BadPattern
    inside = "".join(ranges)
    if not inside:
        return "(?s:.)" if negated else "(?!)"
    return f"[{'^' if negated else ''}{inside}]"


def _bound(char: str, chars: Iterator[str]) -> str:
    if char in "-]":
        raise BadPattern
    return _next(chars) if char == "\\" else char


def _next(chars: Iterator[str]) -> str:
    char = next(chars, "")
    if not char:
        raise BadPattern
    return char
