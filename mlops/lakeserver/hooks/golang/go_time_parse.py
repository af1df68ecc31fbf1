"""Points in time read by Go's example layouts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mlops.lakeserver.hooks.golang.go_time import CHUNK, DAYS, EPOCH, MONTHS, TimeError

_GMT = re.compile(r"GMT(?:[+-](?:2[0-3]|1[0-9]|0?[1-9])(?!\d))?")
_ZONE = re.compile(
    r"ChST|MeST|[+-](?:2[0-3]|[01]?[0-9])|[A-Z]{4}T(?![A-Z])|[A-Z]{3}T(?![A-Z])|WITA|[A-Z]{3}(?![A-Z])"
)
_FRACTION = re.compile(r"[.,](?:0+|9+)(?!\d)")


def parse_time(layout: str, value: str) -> int:
    """Return the nanoseconds since 1970 of `value` read by `layout`; without a zone it is UTC.

    Raises:
        TimeError: `value` does not follow `layout`, or there is no such time.
    """
    return _Reader(layout, value).read()


class _Bad(Exception):
    """The text does not match the layout."""


class _OutOfRange(Exception):
    """The number is right in form but too large or too small."""


class _Reader:
    """Reads one value, chunk by chunk."""

    def __init__(self, layout: str, value: str) -> None:
        self._layout = layout
        self._whole = value
        self._rest = value
        self._year, self._month, self._day, self._yearday = 0, -1, -1, -1
        self._clock = {"hour": 0, "minute": 0, "second": 0}
        self._nanoseconds = 0
        self._half = ""
        self._zone_s = 0

    def read(self) -> int:
        position = 0
        for found in CHUNK.finditer(self._layout):
            self._literal(self._layout[position : found.start()])
            position = found.end()
            held = self._rest
            try:
                self._chunk(found[0], self._layout[position:])
            except _Bad:
                raise self._cannot(held, found[0]) from None
            except _OutOfRange as error:
                raise self._wrong(f"{error} out of range") from None
        self._literal(self._layout[position:])
        if self._rest:
            raise self._wrong(f"extra text: {_quote(self._rest)}")
        return self._result()

    def _cannot(self, rest: str, part: str) -> TimeError:
        return TimeError(
            f"parsing time {_quote(self._whole)} as {_quote(self._layout)}: "
            f"cannot parse {_quote(rest)} as {_quote(part)}"
        )

    def _wrong(self, what: str) -> TimeError:
        return TimeError(f"parsing time {_quote(self._whole)}: {what}")

    def _literal(self, prefix: str) -> None:
        rest = prefix
        while rest:
            if rest[0] == " ":
                if self._rest and self._rest[0] != " ":
                    raise self._cannot(self._rest, prefix)
                rest, self._rest = rest.lstrip(" "), self._rest.lstrip(" ")
            elif self._rest[:1] != rest[0]:
                raise self._cannot(self._rest, prefix)
            else:
                rest, self._rest = rest[1:], self._rest[1:]

    def _chunk(self, chunk: str, following: str) -> None:
        readers: dict[str, Callable[[], None]] = {
            "2006": self._long_year,
            "06": self._short_year,
            "MST": self._zone_name,
        }
        if chunk in readers:
            readers[chunk]()
        elif chunk in {"January", "Jan", "Monday", "Mon"}:
            self._name(chunk)
        elif chunk in {"01", "1"}:
            self._month = self._number(fixed=chunk == "01")
            if not 1 <= self._month <= 12:
                raise _OutOfRange("month")
        elif chunk in {"02", "2", "_2"}:
            self._blank(chunk == "_2")
            self._day = self._number(fixed=chunk == "02")
        elif chunk in {"002", "__2"}:
            self._year_day(chunk)
        elif chunk in {"PM", "pm"}:
            self._half_day(chunk)
        elif chunk[0] in "-Z":
            self._offset(chunk)
        elif chunk[0] in ".,":
            self._fraction(chunk)
        else:
            self._clock_part(chunk, following)

    def _take(self, count: int) -> str:
        if len(self._rest) < count:
            raise _Bad
        text, self._rest = self._rest[:count], self._rest[count:]
        return text

    def _number(self, *, fixed: bool, digits: int = 2) -> int:
        found = re.match(rf"[0-9]{{{digits if fixed else 1},{digits}}}", self._rest)
        if not found:
            raise _Bad
        return int(self._take(found.end()))

    def _blank(self, allowed: bool) -> None:
        if allowed:
            self._rest = self._rest.removeprefix(" ")

    def _long_year(self) -> None:
        text = self._take(4)
        if not re.fullmatch("[0-9]{4}", text):
            raise _Bad
        self._year = int(text)

    def _short_year(self) -> None:
        text = self._take(2)
        if not re.fullmatch("[0-9]{2}", text):
            raise _Bad
        self._year = int(text) + (1900 if int(text) >= 69 else 2000)

    def _name(self, chunk: str) -> None:
        names = MONTHS if chunk[0] == "J" else DAYS
        for index, name in enumerate(names, 1):
            wanted = name if len(chunk) > 3 else name[:3]
            if self._rest[: len(wanted)].lower() == wanted.lower():
                self._rest = self._rest[len(wanted) :]
                if names is MONTHS:
                    self._month = index
                return
        raise _Bad

    def _year_day(self, chunk: str) -> None:
        for _ in range(2):
            self._blank(chunk == "__2")
        self._yearday = self._number(fixed=chunk == "002", digits=3)

    def _half_day(self, chunk: str) -> None:
        text = self._take(2)
        if text not in ({"PM", "AM"} if chunk == "PM" else {"pm", "am"}):
            raise _Bad
        self._half = text.upper()

    def _clock_part(self, chunk: str, following: str) -> None:
        unit, top = {"3": ("hour", 12), "4": ("minute", 59), "5": ("second", 59)}.get(chunk[-1], ("hour", 23))
        unit, top = ("hour", 23) if chunk == "15" else (unit, top)
        number = self._number(fixed=chunk[0] == "0")
        if number > top:
            raise _OutOfRange(unit)
        self._clock[unit] = number
        found = re.match(r"[.,][0-9]+", self._rest) if unit == "second" else None
        if found and not _FRACTION.match(following):
            self._set_nanoseconds(self._take(found.end()))

    def _fraction(self, chunk: str) -> None:
        if chunk[1] == "9":
            if found := re.match(r"[.,][0-9]+", self._rest):
                self._set_nanoseconds(self._take(found.end()))
            return
        text = self._take(len(chunk))
        if not re.fullmatch(r"[.,][0-9]+", text):
            raise _Bad
        self._set_nanoseconds(text)

    def _set_nanoseconds(self, text: str) -> None:
        self._nanoseconds = int(text[1:10].ljust(9, "0"))

    def _offset(self, chunk: str) -> None:
        if chunk[0] == "Z" and self._rest.startswith("Z"):
            self._rest = self._rest[1:]
            return
        text = self._take(len(chunk))
        found = re.fullmatch(re.sub(r"\d\d", r"([0-9]{2})", "[+-]" + chunk[1:]), text)
        if not found:
            raise _Bad
        numbers = [int(group) for group in found.groups()]
        for number, top, unit in zip(numbers, (24, 60, 60), ("hour", "minute", "second"), strict=False):
            if number > top:
                raise _OutOfRange(f"time zone offset {unit}")
        hours, minutes, seconds = (*numbers, 0, 0)[:3]
        self._zone_s = ((hours * 60 + minutes) * 60 + seconds) * (-1 if text[0] == "-" else 1)

    def _zone_name(self) -> None:
        found = _GMT.match(self._rest) or _ZONE.match(self._rest)
        if not found or len(self._rest) < 3:
            raise _Bad
        name = self._take(found.end())
        if name.startswith("GMT") and len(name) > 3:
            self._zone_s = int(name[3:]) * 3600

    def _result(self) -> int:
        hour = self._clock["hour"]
        if self._half == "PM" and hour < 12:
            hour += 12
        elif self._half == "AM" and hour == 12:
            hour = 0
        month, day = self._date()
        # Year 0 is a leap year in Go; Python begins at 1.
        year, earlier_days = (self._year, 0) if self._year else (4, 1461)
        days = (datetime(year, month, day, tzinfo=UTC) - EPOCH).days - earlier_days
        seconds = days * 86400 + hour * 3600 + self._clock["minute"] * 60 + self._clock["second"]
        seconds -= self._zone_s
        nanoseconds = seconds * 10**9 + self._nanoseconds
        # Go's clock counts nanoseconds in 64 bits and wraps.
        return (nanoseconds + 2**63) % 2**64 - 2**63

    def _date(self) -> tuple[int, int]:
        month, day = self._month, self._day
        if self._yearday >= 0:
            if not 1 <= self._yearday <= _days_in_year(self._year):
                raise self._wrong("day-of-year out of range")
            date = datetime(self._year or 4, 1, 1, tzinfo=UTC) + timedelta(days=self._yearday - 1)
            if month >= 0 and month != date.month:
                raise self._wrong("day-of-year does not match month")
            if day >= 0 and day != date.day:
                raise self._wrong("day-of-year does not match day")
            return date.month, date.day
        month, day = max(month, 1), 1 if day < 0 else day
        if not 1 <= day <= _days_in_month(self._year, month):
            raise self._wrong("day out of range")
        return month, day


def _days_in_year(year: int) -> int:
    return 366 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 365


def _days_in_month(year: int, month: int) -> int:
    return 28 + (_days_in_year(year) - 365) if month == 2 else 30 + (month + month // 8) % 2


def _quote(text: str) -> str:
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    parts = (c if " " <= c < "\x7f" else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in shown)
    return '"' + "".join(parts) + '"'
