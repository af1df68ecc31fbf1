"""Points in time written and read by Go's example layouts (`2006-01-02 15:04:05`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

ISO_8601 = "2006-01-02T15:04:05-07:00"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_2(?!006)|__2|3|4|5|PM|pm"
    r"|[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07|[.,](?:0+|9+)(?!\d)"
)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class TimeError(ValueError):
    """The text is not a time of the layout; the message is Go's."""


def at(epoch_ns: int, zone: tzinfo) -> datetime:
    """That instant in `zone`, cut to the whole second as lakeFS cuts it (towards zero)."""
    seconds = abs(epoch_ns) // 10**9 * (-1 if epoch_ns < 0 else 1)
    return (EPOCH + timedelta(seconds=seconds)).astimezone(zone)


def format_time(moment: datetime, layout: str) -> str:
    """`moment`, a whole second with a zone, in the form of `layout`."""
    return CHUNK.sub(lambda found: _write(moment, found[0]), layout)


def _write(moment: datetime, chunk: str) -> str:
    if chunk[0] in ".,":
        return "" if chunk[1] == "9" else chunk
    if chunk[0] in "-Z" and chunk != "-":
        return _offset(moment, chunk)
    hour12 = moment.hour % 12 or 12
    yearday = moment.timetuple().tm_yday
    forms: dict[str, str] = {
        "January": MONTHS[moment.month - 1],
        "Jan": MONTHS[moment.month - 1][:3],
        "Monday": DAYS[moment.weekday()],
        "Mon": DAYS[moment.weekday()][:3],
        "MST": moment.tzname() or "UTC",
        "01": f"{moment.month:02}",
        "1": f"{moment.month}",
        "02": f"{moment.day:02}",
        "2": f"{moment.day}",
        "_2": f"{moment.day:2}",
        "002": f"{yearday:03}",
        "__2": f"{yearday:3}",
        "03": f"{hour12:02}",
        "3": f"{hour12}",
        "15": f"{moment.hour:02}",
        "04": f"{moment.minute:02}",
        "4": f"{moment.minute}",
        "05": f"{moment.second:02}",
        "5": f"{moment.second}",
        "2006": f"{moment.year:04}",
        "06": f"{moment.year % 100:02}",
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
    }
    return forms[chunk]


def _offset(moment: datetime, chunk: str) -> str:
    seconds = round((moment.utcoffset() or timedelta()).total_seconds())
    if chunk[0] == "Z" and not seconds:
        return "Z"
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds)
    parts = [f"{rest // 3600:02}", f"{rest // 60 % 60:02}", f"{rest % 60:02}"]
    colon = ":" if ":" in chunk else ""
    return sign + colon.join(parts[: len(chunk.replace(":", "")) // 2])
