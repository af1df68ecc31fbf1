"""Character classes of Go's regular expressions, as ranges of code points."""

from __future__ import annotations

import re
from functools import lru_cache

Ranges = list[tuple[int, int]]
_LAST = 0x10FFFF


def _ranges(text: str) -> Ranges:
    return [(ord(pair[0]), ord(pair[-1])) for pair in re.findall(r"[\s\S]-[\s\S]|[\s\S]", text)]


def complement(ranges: Ranges) -> Ranges:
    """Return every code point that is in none of `ranges`."""
    result, next_free = [], 0
    for low, high in sorted(ranges):
        if low > next_free:
            result.append((next_free, low - 1))
        next_free = max(next_free, high + 1)
    if next_free <= _LAST:
        result.append((next_free, _LAST))
    return result


def render(ranges: Ranges) -> str:
    """Return the inside of a bracketed class for Python's `re`."""
    pairs = ((re.escape(chr(low)), re.escape(chr(high))) for low, high in ranges)
    return "".join(low if low == high else f"{low}-{high}" for low, high in pairs)


_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\x00-\x7f",
    "blank": "\t ",
    "cntrl": "\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@[-`{-~",
    "space": "\t-\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
CLASSES: dict[str, Ranges] = {f"[:{name}:]": _ranges(text) for name, text in _POSIX.items()}
CLASSES |= {f"[:^{name}:]": complement(_ranges(text)) for name, text in _POSIX.items()}

PERL: dict[str, Ranges] = {
    letter: _ranges(text) for letter, text in (("d", "0-9"), ("s", "\t\n\f\r "), ("w", "0-9A-Za-z_"))
}
PERL |= {letter.upper(): complement(ranges) for letter, ranges in PERL.items()}


@lru_cache(maxsize=64)
def category(name: str) -> Ranges | None:
    """Return the code points of a Unicode general category, `Any` among them; None for other names."""
    if name == "Any":
        return [(0, _LAST)]
    if not re.fullmatch(r"[CLMNPSZ][a-z]?", name):
        return None
    from unicodedata import category as category_of

    found: Ranges = []
    for code in range(_LAST + 1):
        if category_of(chr(code)).startswith(name):
            if found and found[-1][1] == code - 1:
                found[-1] = (found[-1][0], code)
            else:
                found.append((code, code))
    return found or None
