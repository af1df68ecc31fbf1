"""Strict reading of JSON, and the representation of numbers that JSON cannot hold.

JSON has no NaN and no infinity. They are written as ``null`` and read back as NaN, so that evidence with
such numbers can be stored and then refused by the gate.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

MAX_BYTES = 64 << 20
MAX_DEPTH = 100

_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def parse(data: bytes | str) -> Any:
    """Return the value of a JSON text from an untrusted source.

    Its size and depth are checked before the recursive parser runs.

    Raises:
        ValueError: It is not JSON, larger than `MAX_BYTES` or nested more than `MAX_DEPTH` levels deep.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    decoded = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
    if decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        _check_depth(decoded)
    return json.loads(decoded)


def _check_depth(document: str) -> None:
    depth = 0
    for mark in _MARK.finditer(document):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0][0], 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")


def nulled(value: Any) -> Any:
    """Return JSON-like ``value`` with every number that is not finite replaced by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: nulled(item) for key, item in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [nulled(item) for item in cast(Sequence[Any], value)]
    return value


def text(value: Any) -> str:
    """Return ``value`` if it is text, else raise `TypeError`."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def flag(value: Any) -> bool:
    """Return ``value`` if it is true or false, else raise `TypeError`."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {type(value).__name__}")
    return value


def whole(value: Any) -> int:
    """Return ``value`` if it is a whole number, else raise `TypeError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    return value


def number(value: Any) -> float:
    """Return a number as a float, NaN for null or one too large for a float; else raise `TypeError`."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        return math.nan


def items(value: Any) -> list[Any]:
    """Return the items of a list, else raise `TypeError`."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return list(cast(Sequence[Any], value))


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for any other value."""
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}
