"""Read the patterns of branch protection rules as lakeFS does.

`*` and `**` stand for anything, `?` for one character, `[abc]`, `[a-z]` and `[!a]` for one of a class,
`{a,b}` for one of several patterns, and a backslash takes the next character's meaning away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from mlops.lakeserver.grammar.wildcards import MAX_PATTERN_CHARS, Accepts, Automaton, BadPattern

# What lakeFS takes for the end of the text, and what it cannot read.
_END, _UNREADABLE = "\0", "\ufffd"


@dataclass(frozen=True)
class Pattern:
    """A pattern that was read.

    Attributes:
        ends: the text before and after its only `*`, where it has nothing else.
    """

    automaton: Automaton
    ends: tuple[str, str] | None

    def matches(self, name: str) -> bool:
        """Return whether the whole name matches."""
        if self.ends is not None:
            # As in lakeFS, both may be the same characters of the name: `a*a` names the branch `a`, too.
            return name.startswith(self.ends[0]) and name.endswith(self.ends[1])
        return self.automaton.matches(name)


_ENDS = re.compile(r"((?:\\.|[^\\?*\[{])*)\*+((?:\\.|[^\\?*\[{])*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SINGLE_GROUP = re.compile(r"(\\.)|\{((?:\\.|[^\\{},])+)\}", re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Return whether the whole name matches.

    Raises:
        BadPattern: a class is empty, open or no class, or the pattern is too long.
    """
    return compiled(pattern).matches(name)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """Read a pattern.

    Raises:
        BadPattern: as `matches`.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise BadPattern(f"pattern is longer than {MAX_PATTERN_CHARS} characters")
    ends = _ENDS.fullmatch(_without_single_groups(pattern))
    texts = (_ESCAPED.sub(r"\1", ends[1]), _ESCAPED.sub(r"\1", ends[2])) if ends else None
    return Pattern(_Parser(pattern).parsed(), texts)


def _without_single_groups(pattern: str) -> str:
    """Return the pattern without the braces of groups that have one alternative, as lakeFS reads them."""
    if "[" in pattern:
        return pattern  # a brace in a class is a character; no pattern with a class is treated specially
    while (found := _SINGLE_GROUP.sub(lambda match: match[1] or match[2], pattern)) != pattern:
        pattern = found
    return pattern


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._made = Automaton()

    def parsed(self) -> Automaton:
        while (char := self._read()) != _END:
            if char == "{":
                self._made.open_group()
                self._depth += 1
            elif char == "," and self._depth:
                self._made.next_alternative()
            elif char == "}" and self._depth:
                self._made.close_group()
                self._depth -= 1
            elif char == "[":
                self._made.of_class(self._class())
            elif char == "?":
                self._made.one()
            elif char == "*":
                self._made.any()
            else:
                self._at -= 1
                for literal in self._run("?*[{},"[: 6 if self._depth else 4]):
                    self._made.literal(literal)
        for _ in range(self._depth):
            self._made.close_group()
        return self._made

    def _read(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _peek(self) -> str:
        char = self._text[self._at] if self._at < len(self._text) else _END
        if char == _UNREADABLE:
            raise BadPattern("could not read rune")
        return char

    def _run(self, breakers: str) -> str:
        """Return the characters up to a breaker or the end, without the backslashes before them."""
        found: list[str] = []
        while (char := self._read()) != _END:
            escaped = char == "\\"
            if char in breakers:
                self._at -= 1
                break
            if escaped and (char := self._read()) == _END:
                break
            found.append(char)
        return "".join(found)

    def _class(self) -> Accepts:
        first = self._read()
        negated = first == "!"
        if negated:
            first = self._read()
        if first != _END and self._peek() == "-":
            self._at += 1
            last = self._read()
            if last != _END and last < first:
                raise BadPattern(f"hi character '{last}' should be greater than lo '{first}'")
            accepts: Accepts = lambda char: (first <= char <= last) is not negated  # noqa: E731
        else:
            self._at -= 1
            members = self._run("]")
            if not members and self._peek() == "]":
                raise BadPattern("could not parse range")
            accepts = lambda char: (char in members) is not negated  # noqa: E731
        closing = self._read()
        if closing != "]":
            raise BadPattern(
                "unexpected end of input" if closing == _END else "expected close range character"
            )
        return accepts
