"""Lengths of time in Go's notation: `30s`, `1m30s`, `1.5h`, `250ms`."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


class DurationError(ValueError):
    """The text is not a duration; the message is Go's."""


def parse_duration_s(text: str) -> float:
    """Return the seconds that `text` stands for.

    Raises:
        DurationError: it is not a duration.
    """
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0.0
    if not rest:
        raise DurationError(f'time: invalid duration "{text}"')
    total = Fraction(0)
    while rest:
        found = _PART.match(rest)
        if not found or not (found[1] or found[2]):
            raise DurationError(f'time: invalid duration "{text}"')
        unit = found[3]
        if not unit:
            raise DurationError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS_NS:
            raise DurationError(f'time: unknown unit "{unit}" in duration "{text}"')
        total += Fraction(f"{found[1] or 0}.{found[2] or 0}") * _UNITS_NS[unit]
        rest = rest[found.end() :]
    return float(total / 10**9) * (-1 if text[0] == "-" else 1)


def format_duration(seconds: float) -> str:
    """Return `seconds` as Go prints them."""
    nanoseconds = round(seconds * 10**9)
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.9f}".rstrip("0").rstrip(".") + unit
    return f"{nanoseconds}ns"
