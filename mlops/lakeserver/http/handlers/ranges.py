"""Byte ranges: `bytes=0-9`, `bytes=5-`, `bytes=-3`."""

from __future__ import annotations

import re

from mlops.lakeserver.errors import BadRequest, RangeNotSatisfiable

_SYNTAX = re.compile(r"bytes=((\d*-\d*,? ?)+)", re.ASCII)
_ONE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
MAX_OFFSET = 2**63 - 1
_MESSAGE = "Requested Range Not Satisfiable"


def check_syntax(text: str) -> None:
    """Returns if the text has the syntax of ranges.

    Raises:
        BadRequest: it has not.
    """
    if not _SYNTAX.fullmatch(text):
        raise BadRequest(
            'parameter "Range" in header has an error: string doesn\'t match the regular expression '
            '"^bytes=((\\d*-\\d*,? ?)+)$"'
        )


def parse_range(text: str, size: int) -> tuple[int, int]:
    """The first and the last byte asked for, within an object of `size` bytes.

    Raises:
        RangeNotSatisfiable: several ranges, or none of its bytes are in the object.
    """
    match = _ONE.fullmatch(text)
    if match is None or match.groups() == ("", ""):
        raise RangeNotSatisfiable(_MESSAGE)
    first, last = match.groups()
    if any(len(digits) > 18 and int(digits) > MAX_OFFSET for digits in (first, last)):
        raise RangeNotSatisfiable(_MESSAGE)
    if not first:
        start, end = max(size - int(last), 0), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            raise RangeNotSatisfiable(_MESSAGE)
    if start > end:
        raise RangeNotSatisfiable(_MESSAGE, ((b"content-range", b"bytes */%d" % size),))
    return start, end
