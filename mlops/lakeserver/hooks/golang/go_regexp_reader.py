"""Escapes and bracketed classes of Go's regular expressions, read."""

from __future__ import annotations

import re

from mlops.lakeserver.hooks.golang.go_regexp_classes import CLASSES, PERL, category, complement, render

_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}


class RegexpError(ValueError):
    """The expression is not one of Go's; the message is Go's."""

    def __init__(self, what: str, part: str) -> None:
        super().__init__(f"error parsing regexp: {what}: `{part}`")


class ClassReader:
    """Reads one bracketed class."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._start = at
        self._at = at + 1

    def read(self) -> tuple[str, int]:
        """Return the class in Python's syntax, and the position after it."""
        negated = self._text.startswith("^", self._at)
        self._at += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self._peek() != "]":
            first = False
            ranges += self._part()
        self._at += 1
        if negated:
            ranges = complement(ranges)
        return (f"[{render(ranges)}]" if ranges else "(?!)"), self._at

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise RegexpError("missing closing ]", self._text[self._start :])
        return self._text[self._at]

    def _part(self) -> list[tuple[int, int]]:
        self._peek()
        if self._text.startswith("[:", self._at) and (end := self._text.find(":]", self._at + 2)) >= 0:
            name = self._text[self._at : end + 2]
            if name not in CLASSES:
                raise RegexpError("invalid character class range", name)
            self._at = end + 2
            return CLASSES[name]
        if self._text[self._at] == "\\":
            ranges, self._at = escaped_class(self._text, self._at)
            if ranges is not None:
                return ranges
        start = self._at
        low = high = self._char()
        if self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2] not in {"", "]"}:
            self._at += 1
            high = self._char()
            if high < low:
                raise RegexpError("invalid character class range", self._text[start : self._at])
        return [(ord(low), ord(high))]

    def _char(self) -> str:
        char = self._peek()
        if char == "\\":
            literal, self._at = escaped_char(self._text, self._at)
            return literal
        self._at += 1
        return char


def escaped_class(text: str, at: int) -> tuple[list[tuple[int, int]] | None, int]:
    """Return the ranges of a class written as an escape at `at`, or None where something else stands."""
    char = text[at + 1 : at + 2]
    if char in PERL and char:
        return PERL[char], at + 2
    if char not in {"p", "P"}:
        return None, at
    found = re.compile(r"\\[pP](?:\{(\^?)([^}]*)\}|(.))").match(text, at)
    if not found:
        raise RegexpError("invalid character class range", text[at:])
    ranges = category(found[2] or found[3])
    if ranges is None:
        raise RegexpError("invalid character class range", found[0])
    negated = (char == "P") is not bool(found[1])
    return (complement(ranges) if negated else ranges), found.end()


def escaped_char(text: str, at: int) -> tuple[str, int]:
    """Return the character that the escape at `at` stands for, and where the text goes on.

    Raises:
        RegexpError: Go knows no such escape.
    """
    char = text[at + 1 : at + 2]
    if not char:
        raise RegexpError("trailing backslash at end of expression", "")
    if char in _ESCAPES:
        return _ESCAPES[char], at + 2
    if found := re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})").match(text, at):
        return chr(int(found[1], 8)), found.end()
    if char == "x" and (found := re.compile(r"\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})").match(text, at)):
        code = int(found[1] or found[2], 16)
        if code <= 0x10FFFF:
            return chr(code), found.end()
    if char.isascii() and not char.isalnum():
        return char, at + 2
    raise RegexpError("invalid escape sequence", text[at : at + 2])
