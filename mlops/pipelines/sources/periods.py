"""Arrivals that are periods: ranges such as ``2005..2014``, and the first and last day of a period."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

from mlops.runs import names
from mlops.runs.errors import ConfigError, InputError

_RANGE = ".."
_FORMS = {
    "year": re.compile(r"(?P<year>\d{4})"),
    "quarter": re.compile(r"(?P<year>\d{4})-?Q(?P<quarter>[1-4])"),
    "month": re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})"),
    "day": re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"),
}
#: Enough for ten years of days; a typing error in a year must not list millions.
MAX_ARRIVALS = 4000


class Bounds(NamedTuple):
    """A period as days: from ``begin`` up to, and without, ``end``."""

    begin: dt.date
    end: dt.date


def bounds_of(arrival: str) -> Bounds | None:
    """Return first day, and first day after, of a year, quarter, month or day; None for another name."""
    for kind, form in _FORMS.items():
        match = form.fullmatch(arrival)
        if match:
            try:
                return _bounds(kind, {name: int(text) for name, text in match.groupdict().items()})
            except (ValueError, OverflowError):
                return None
    return None


def _bounds(kind: str, parts: dict[str, int]) -> Bounds:
    year = parts["year"]
    if kind == "day":
        begin = dt.date(year, parts["month"], parts["day"])
        return Bounds(begin, begin + dt.timedelta(days=1))
    first = {"year": 1, "quarter": 3 * parts.get("quarter", 0) - 2, "month": parts.get("month", 0)}[kind]
    length = {"year": 12, "quarter": 3, "month": 1}[kind]
    after = year * 12 + first - 1 + length
    return Bounds(dt.date(year, first, 1), dt.date(after // 12, after % 12 + 1, 1))


def declared(arrivals: str | Sequence[str]) -> tuple[str, ...]:
    """Return the arrivals that a setting declares: a list of names, a text with commas, or ranges of periods.

    Args:
        arrivals: ``["2005", "2006"]``, ``"2005, 2006"`` or ``"2005..2014"``; a range is of years, quarters,
            months or days.

    Raises:
        ConfigError: A name cannot be an arrival's, or a range is none of periods.
    """
    texts = arrivals.split(",") if isinstance(arrivals, str) else list(arrivals)
    found = [name for text in texts if text.strip() for name in _expanded(text.strip())]
    for name in found:
        try:
            names.check_arrival(name)
        except InputError as error:
            raise ConfigError(error.what, where=f"arrivals: {name!r}") from None
    return tuple(dict.fromkeys(found))


def _expanded(text: str) -> list[str]:
    first, separator, last = text.partition(_RANGE)
    if not separator:
        return [text]
    kinds = {_kind(first), _kind(last)}
    begin, end = bounds_of(first), bounds_of(last)
    if len(kinds) != 1 or begin is None or end is None or begin > end:
        raise ConfigError(
            "a range is of years, quarters, months or days, the earlier first",
            where=f"arrivals: {text!r}",
            todo="e.g. 2005..2014 or 2013-01..2013-06",
        )
    found, kind = [first], kinds.pop()
    while found[-1] != last:
        if len(found) >= MAX_ARRIVALS:
            raise ConfigError(f"more than {MAX_ARRIVALS} arrivals", where=f"arrivals: {text!r}")
        after = bounds_of(found[-1])
        if after is None:
            raise ConfigError("not a period", where=f"arrivals: {found[-1]!r}")
        found.append(_named(kind, after.end, like=first))
    return found


def _kind(text: str) -> str:
    return next((kind for kind, form in _FORMS.items() if form.fullmatch(text)), "")


def _named(kind: str, day: dt.date, *, like: str) -> str:
    if kind == "quarter":
        return f"{day.year:04d}{'-' if '-' in like else ''}Q{(day.month + 2) // 3}"
    return day.isoformat()[: {"year": 4, "month": 7, "day": 10}[kind]]
