"""JSON read within bounds: nested or numerous values are refused before the recursive parser sees them."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
MAX_VALUES = 500_000

_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]},]', re.DOTALL)


def loads(text: str, *, max_depth: int = MAX_DEPTH, **options: Any) -> Any:
    """Return the value of a JSON text.

    Args:
        text: what is read.
        max_depth: how many arrays and objects may lie inside one another.
        options: those of `json.loads`.

    Raises:
        ValueError: it is not JSON, or nested too deeply, or of too many values.
    """
    check(text, max_depth=max_depth)
    return json.loads(text, **options)


def check(text: str, *, max_depth: int = MAX_DEPTH) -> None:
    """Return if a JSON text is within the bounds.

    Raises:
        ValueError: it is nested too deeply, or has too many values.
    """
    # Most texts have so few of these characters, even with those inside strings, that nothing has to be read.
    opened = text.count("[") + text.count("{")
    if opened <= max_depth and opened + text.count(",") <= MAX_VALUES:
        return
    depth = values = 0
    for mark in _MARK.finditer(text):
        char = mark[0][0]
        if char in "]}":
            depth -= 1
        elif char != '"':
            values += 1
            depth += char != ","
            if depth > max_depth:
                raise ValueError(f"nested more than {max_depth} levels deep")
            if values > MAX_VALUES:
                raise ValueError(f"more than {MAX_VALUES} values")
