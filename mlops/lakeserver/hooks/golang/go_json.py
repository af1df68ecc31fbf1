"""JSON written and read as Go's `encoding/json` does it, for scripts: same bytes, same refusals, same words.

Text comes and goes as UTF-8 bytes; numbers are floats, as all numbers of a script are.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from mlops.lakeserver import json_text
from mlops.lakeserver.hooks.golang import go_text

# Go stops at 10,000; values go on to Lua and back, whose own limit is 150.
_MAX_DEPTH = 150
_UNSAFE = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\x7f-\x9f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPACE = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class JsonError(ValueError):
    """The value cannot be written, or the text is not JSON; the message is Go's."""


def number(value: float) -> str:
    """Return a number as Go writes it: integers without a point, exponents from 1e21 on and below 1e-6."""
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
        raise JsonError(f"json: unsupported value: {name}")
    size, text = abs(value), repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if size and not 1e-6 <= size < 1e21:
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    if not exponent:
        return text.removesuffix(".0")
    sign, digits = ("-", mantissa[1:]) if text[0] == "-" else ("", mantissa)
    whole, _, decimals = digits.partition(".")
    decimals = decimals.rstrip("0")
    shift = int(exponent)
    if shift < 0:
        return f"{sign}0.{'0' * (-shift - 1)}{whole}{decimals}"
    return sign + whole + decimals.ljust(shift, "0")


def dumps(value: Any, prefix: str = "", indent: str = "") -> bytes:
    """`value` (None, bool, float, bytes, list, dict of bytes) and a line feed; keys stand in byte order.

    Raises:
        JsonError: a number is not finite.
    """
    text = _write(value, ("\n" + prefix, indent) if prefix or indent else None, 0)
    return go_text.encode(text + "\n")


def _write(value: Any, layout: tuple[str, str] | None, depth: int) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return _string(value)
    if isinstance(value, int | float):
        return number(value)
    inner = layout[0] + layout[1] * (depth + 1) if layout else ""
    outer = layout[0] + layout[1] * depth if layout else ""
    if isinstance(value, dict):
        colon = ": " if layout else ":"
        items = [f"{inner}{_string(k)}{colon}{_write(value[k], layout, depth + 1)}" for k in sorted(value)]
        return "{" + ",".join(items) + outer + "}" if items else "{}"
    items = [f"{inner}{_write(item, layout, depth + 1)}" for item in value]
    return "[" + ",".join(items) + outer + "]" if items else "[]"


def _string(value: bytes) -> str:
    return '"' + _UNSAFE.sub(_escape, go_text.decode(value)) + '"'


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _SHORT.get(char) or (char if "\x7f" <= char <= "\x9f" else f"\\u{ord(char):04x}")


def loads(text: bytes) -> Any:
    """Return the value of `text`; null is None, numbers are floats, strings are str.

    Raises:
        JsonError: it is not JSON, nested too deeply, too large, or a number is too large.
    """
    decoded = go_text.decode(text)
    try:
        json_text.check(decoded, max_depth=_MAX_DEPTH)
    except ValueError as error:
        raise JsonError(f"exceeded max depth: {error}") from None
    try:
        return json.loads(
            decoded, parse_int=_read_number, parse_float=_read_number, parse_constant=_no_constant
        )
    except JsonError:
        if problem := _Scanner(decoded).problem():
            raise JsonError(problem) from None
        raise
    except ValueError:
        problem = _Scanner(decoded).problem()
        raise JsonError(problem or "invalid JSON") from None


def _read_number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _no_constant(text: str) -> NoReturn:
    raise JsonError(text)


class _Scanner:
    """Finds the first offending character and says of it what Go says."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def problem(self) -> str:
        """Return Go's error text, or nothing when the text is well-formed."""
        try:
            self._value()
            self._skip()
            if self._at < len(self._text):
                self._bad("after top-level value")
        except JsonError as error:
            return str(error)
        return ""

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        self._skip()
        if self._at >= len(self._text):
            raise JsonError("unexpected end of JSON input")
        return self._text[self._at]

    def _bad(self, where: str) -> NoReturn:
        if self._at >= len(self._text):
            raise JsonError(f"invalid character ' ' {where}")
        # Go reads bytes: of a longer character it names the first one.
        char = chr(self._text[self._at].encode()[0])
        raise JsonError(f"invalid character {_quote(char)} {where}")

    def _value(self) -> None:
        char = self._peek()
        if char == "{":
            self._object()
        elif char == "[":
            self._array()
        elif char == '"':
            self._quoted()
        elif char == "-" or (char.isascii() and char.isdigit()):
            self._number()
        elif char in "tfn":
            self._word({"t": "true", "f": "false", "n": "null"}[char])
        else:
            self._bad("looking for beginning of value")

    def _word(self, word: str) -> None:
        for index, expected in enumerate(word):
            if self._text[self._at : self._at + 1] != expected:
                self._bad(f"in literal {word} (expecting '{expected}')" if index else "")
            self._at += 1

    def _number(self) -> None:
        if self._text[self._at] == "-":
            self._at += 1
            if not self._digit():
                self._bad("in numeric literal")
        if self._text[self._at] == "0":
            self._at += 1
        else:
            self._digits()
        if self._text[self._at : self._at + 1] == ".":
            self._at += 1
            if not self._digit():
                self._bad("after decimal point in numeric literal")
            self._digits()
        if self._text[self._at : self._at + 1] in {"e", "E"}:
            self._at += 1
            self._at += self._text[self._at : self._at + 1] in {"+", "-"}
            if not self._digit():
                self._bad("in exponent of numeric literal")
            self._digits()

    def _digit(self) -> bool:
        char = self._text[self._at : self._at + 1]
        return char.isascii() and char.isdigit()

    def _digits(self) -> None:
        while self._digit():
            self._at += 1

    def _quoted(self) -> None:
        self._at += 1
        while (char := self._text[self._at : self._at + 1]) != '"':
            if not char:
                raise JsonError("unexpected end of JSON input")
            if char < " ":
                self._bad("in string literal")
            self._at += 1
            if char == "\\":
                self._escaped()
        self._at += 1

    def _escaped(self) -> None:
        char = self._text[self._at : self._at + 1]
        if not char:
            raise JsonError("unexpected end of JSON input")
        if char not in '"\\/bfnrtu':
            self._bad("in string escape code")
        self._at += 1
        for _ in range(4 if char == "u" else 0):
            if self._at >= len(self._text):
                raise JsonError("unexpected end of JSON input")
            if self._text[self._at] not in "0123456789abcdefABCDEF":
                self._bad("in \\u hexadecimal character escape")
            self._at += 1

    def _array(self) -> None:
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            self._value()
            char = self._peek()
            if char not in ",]":
                self._bad("after array element")
            self._at += 1
            if char == "]":
                return

    def _object(self) -> None:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                self._bad("looking for beginning of object key string")
            self._quoted()
            if self._peek() != ":":
                self._bad("after object key")
            self._at += 1
            self._value()
            char = self._peek()
            if char not in ",}":
                self._bad("after object key:value pair")
            self._at += 1
            if char == "}":
                return


def _quote(char: str) -> str:
    special = {"'": "'\\''", '"': "'\"'"}
    if char in special:
        return special[char]
    escapes = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    if char in escapes:
        return f"'{escapes[char]}'"
    if char == "\\":
        return "'\\\\'"
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'" if char < "\x80" else _unicode(char)


def _unicode(char: str) -> str:
    return f"'\\u{ord(char):04x}'"
