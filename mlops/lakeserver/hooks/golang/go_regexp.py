"""Go's regular expressions: their grammar checked here, their matching done by Python's `re`.

What Go refuses (look-around, back references, nested repetition, counts above 1000) is refused in its words.
Not as in Go: classes by script (Greek, Latin) are refused, those by general category are understood; and an
expression that backtracks without end is ended by the hook's wall clock, where Go needs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mlops.lakeserver.hooks.golang.go_regexp_classes import render
from mlops.lakeserver.hooks.golang.go_regexp_reader import (
    ClassReader,
    RegexpError,
    escaped_char,
    escaped_class,
)

_SURROGATES = "surrogateescape"
_REPEAT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_NAME = re.compile(r"\(\?P?<([^>]*)>")
_QUOTED = frozenset("\\.+*?()|[]{}^$")
_MAX_COUNT = 1000


def quote_meta(text: bytes) -> bytes:
    """Return an expression that matches `text` alone."""
    decoded = text.decode("utf-8", _SURROGATES)
    return "".join("\\" + c if c in _QUOTED else c for c in decoded).encode("utf-8", _SURROGATES)


class Regexp:
    """A compiled expression; all text is bytes."""

    def __init__(self, pattern: bytes) -> None:
        self._compiled = _compile(pattern)

    def match(self, text: bytes) -> bool:
        """Return whether any part of `text` matches."""
        return self._compiled.search(text.decode("utf-8", _SURROGATES)) is not None

    def find(self, text: bytes) -> bytes:
        """Return the first match, or nothing."""
        return next((found[0] for found in self._found(text, 1)), b"")

    def find_all(self, text: bytes, limit: int) -> list[bytes]:
        """Return the first `limit` matches, all if negative."""
        return [found[0] for found in self._found(text, limit)]

    def find_submatch(self, text: bytes) -> list[bytes]:
        """Return the first match and its groups, or an empty list."""
        return next(self._found(text, 1), [])

    def find_all_submatch(self, text: bytes, limit: int) -> list[list[bytes]]:
        """`find_submatch` of the first `limit` matches, all if negative."""
        return list(self._found(text, limit))

    def _found(self, text: bytes, limit: int) -> Iterator[list[bytes]]:
        decoded, last = text.decode("utf-8", _SURROGATES), -1
        for found in self._compiled.finditer(decoded):
            if limit == 0:
                return
            if found.end() == last and found.start() == last:
                continue  # Go passes over an empty match right behind another
            last = found.end()
            limit -= 1
            groups = (found[0], *found.groups(""))
            yield [group.encode("utf-8", _SURROGATES) for group in groups]


@lru_cache(maxsize=64)
def _compile(pattern: bytes) -> re.Pattern[str]:
    text = pattern.decode("utf-8", _SURROGATES)
    try:
        pattern.decode("utf-8")
    except UnicodeDecodeError:
        raise RegexpError("invalid UTF-8", text) from None
    try:
        return re.compile(_Translator(text).translate())
    except (re.error, RecursionError, OverflowError):
        raise RegexpError("expression nests too deeply", text) from None


class _Translator:
    """Reads Go's grammar and writes Python's."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._flags = frozenset[str]()
        self._opened: list[frozenset[str]] = []
        self._starts: list[int] = []

    def translate(self) -> str:
        """Return the whole expression for `re.compile` without flags."""
        last = -1  # where the operand begins in `out` that a repetition would repeat
        repeated = ""
        while self._at < len(self._text):
            rest = self._text[self._at :]
            if count := self._repetition(rest):
                last = self._repeat(count, last, repeated)
                repeated += count
                continue
            repeated = ""
            last = self._item(rest, last)
        if self._opened:
            raise RegexpError("missing closing )", self._text)
        return "".join(self._out)

    def _item(self, rest: str, last: int) -> int:
        char, start = rest[0], len(self._out)
        if char == "(":
            return self._open(rest)
        if char == ")":
            return self._close()
        if char == "|":
            self._out.append("|")
            self._at += 1
            return -1
        if rest.startswith("\\Q"):
            return self._quoted(rest, last)
        if char == "[":
            body, self._at = ClassReader(self._text, self._at).read()
            self._emit(body)
        elif char == "\\":
            self._escape(rest)
        else:
            self._at += 1
            self._plain(char)
        return start

    def _plain(self, char: str) -> None:
        if char == ".":
            self._out.append("(?s:.)" if "s" in self._flags else "[^\n]")
        elif char in "^$":
            loose = {"^": "(?m:^)", "$": "(?m:$)"}[char]
            strict = {"^": r"(?:\A)", "$": r"(?:\Z)"}[char]
            self._out.append(loose if "m" in self._flags else strict)
        else:
            self._emit(re.escape(char))

    def _emit(self, piece: str) -> None:
        self._out.append(f"(?i:{piece})" if "i" in self._flags else piece)

    def _quoted(self, rest: str, last: int) -> int:
        body, _, _ = rest[2:].partition("\\E")
        self._at += min(len(rest), len(body) + 4)
        for char in body:
            last = len(self._out)
            self._emit(re.escape(char))
        return last

    def _repetition(self, rest: str) -> str:
        count = rest[0] if rest[0] in "*+?" else ""
        if not count and (found := _REPEAT.match(rest)):
            count = found[0]
        if not count:
            return ""
        return count + "?" if rest[len(count) :].startswith("?") else count

    def _repeat(self, count: str, last: int, repeated: str) -> int:
        if last < 0:
            raise RegexpError("missing argument to repetition operator", count)
        if repeated:
            raise RegexpError("invalid nested repetition operator", repeated + count)
        if found := _REPEAT.match(count):
            low, high = int(found[1]), int(found[3] or found[1])
            if max(low, high) > _MAX_COUNT or low > high:
                raise RegexpError("invalid repeat count", found[0])
        self._at += len(count)
        greedy = (len(count) > 1 and count.endswith("?")) is ("U" in self._flags)
        operand = "".join(self._out[last:])
        self._out[last:] = [f"(?:{operand}){count.rstrip('?') or '?'}{'' if greedy else '?'}"]
        return last

    def _open(self, rest: str) -> int:
        if not rest.startswith("(?"):
            self._group("(", 1, self._flags)
            return -1
        if rest.startswith(("(?P<", "(?<")):
            found = _NAME.match(rest)
            if not found:
                raise RegexpError("invalid named capture", rest)
            if not re.fullmatch(r"[A-Za-z0-9_]+", found[1]):
                raise RegexpError("invalid named capture", found[0])
            self._group("(", len(found[0]), self._flags)
            return -1
        return self._flag_group(rest)

    def _flag_group(self, rest: str) -> int:
        flags, sign, seen = set(self._flags), 1, False
        for index, char in enumerate(rest[2:], 2):
            if char in "imsU":
                seen = True
                (flags.add if sign > 0 else flags.discard)(char)
            elif char == "-" and sign > 0:
                sign, seen = -1, False
            elif char in ":)" and (sign > 0 or seen):
                if char == ":":
                    self._group("(?:", index + 1, frozenset(flags))
                else:
                    self._flags = frozenset(flags)
                    self._at += index + 1
                return -1
            else:
                raise RegexpError("invalid or unsupported Perl syntax", rest[: index + 1])
        raise RegexpError("missing closing )", self._text)

    def _group(self, piece: str, length: int, flags: frozenset[str]) -> None:
        self._opened.append(self._flags)
        self._starts.append(len(self._out))
        self._flags = flags
        self._out.append(piece)
        self._at += length

    def _close(self) -> int:
        if not self._opened:
            raise RegexpError("unexpected )", self._text)
        self._flags = self._opened.pop()
        self._out.append(")")
        self._at += 1
        return self._starts.pop()

    def _escape(self, rest: str) -> None:
        char = rest[1:2]
        simple = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?a:\b)", "B": r"(?a:\B)"}
        if char in simple:
            self._out.append(simple[char])
            self._at += 2
            return
        ranges, self._at = escaped_class(self._text, self._at)
        if ranges is not None:
            self._emit(f"[{render(ranges)}]" if ranges else "(?!)")
            return
        literal, self._at = escaped_char(self._text, self._at)
        self._emit(re.escape(literal))
