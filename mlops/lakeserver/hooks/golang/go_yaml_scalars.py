"""Scalars of YAML as lakeFS reads them: which text is a number, a truth value, a time or nothing."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INT = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:[Tt](\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,]\d+)?))?"
)
TAG = "tag:yaml.org,2002:"
PLAIN = "?"


class YamlError(ValueError):
    """The text is not YAML, or not of the wanted shape; the message is go-yaml's where its form is known."""


class Timestamp(str):
    """A scalar that reads as a point in time; kept as written."""

    __slots__ = ()


def scalar(node: Any) -> Any:
    """Return the value of a scalar node."""
    text, tag = node.value, node.tag
    if tag == PLAIN:
        return resolve_plain(text)
    if tag == TAG + "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            raise YamlError("yaml: !!binary value contains invalid base64 data") from None
    kind = tag.removeprefix(TAG)
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None), "timestamp": Timestamp}.get(kind)
    if wanted is None:
        return text
    value = resolve_plain(text)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise YamlError(f"yaml: cannot decode {_short_tag(value)} `{text}` as a !!{kind}")
    return value


def resolve_plain(text: str) -> Any:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _is_timestamp(text):
        return Timestamp(text)
    plain = text if text[0] == "." else text.replace("_", "")
    if _INT.fullmatch(plain) and (number := _integer(plain)) is not None:
        return number
    return float(plain) if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)) else text


def _integer(text: str) -> int | None:
    digits = text.lstrip("+-")
    base = 10
    if len(digits) > 1 and digits[0] == "0":
        base = {"x": 16, "b": 2, "o": 8}.get(digits[1].lower(), 8)
        digits = digits.lstrip("0xXbBoO") if base != 16 else digits[2:]
    number = int(digits or "0", base) * (-1 if text[0] == "-" else 1)
    return number if -(2**63) <= number < 2**64 else None


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return False
    from datetime import datetime

    numbers = [int(group) for group in match.groups() if group is not None]
    try:
        datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - only asks whether such a date exists
    except (TypeError, ValueError):
        return False
    return True


def _short_tag(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float", type(None): "null", Timestamp: "timestamp"}
    return "!!" + names.get(type(value), "str")
