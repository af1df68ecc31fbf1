"""A hook's `if`: the part of lakeFS's expression language from which conditions on hooks are made.

Understood: `success()`, `failure()`, `true`, `false`, `nil`, numbers and quoted text, `!`/`not`, `&&`/`and`,
`||`/`or`, comparisons, `? :` and brackets. lakeFS's language also has arithmetic, lists, text operators and
built-in functions; an expression that uses them is an error of the hook here.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>\"[^\"\\]*\"|'[^'\\]*')"
    r"|(?P<word>[A-Za-z_$][\w$]*)|(?P<mark>&&|\|\||[=!<>]=|[!<>()?:#,.+*/%^|&{}\[\]-]))"
)
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "nil": None}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_DEPTH = 64
_NOT_BOOLEAN = "hook 'if' expression should evaluate to a boolean"


class BadCondition(ValueError):
    """The expression cannot be evaluated, or its value is neither true nor false."""


def holds(expression: str, *, failed: bool) -> bool:
    """Return whether a hook runs after hooks of its action that succeeded, or of which one `failed`.

    Raises:
        BadCondition: the expression is not of the grammar above, or not a condition.
    """
    if not expression:
        return not failed
    value = _Parser(expression, failed=failed).whole()
    if not isinstance(value, bool):
        raise BadCondition(_NOT_BOOLEAN)
    return value


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(expression: str) -> list[_Token]:
    tokens, position, end = [], 0, len(expression.rstrip())
    while position < end:
        found = _TOKEN.match(expression, position)
        if not found or found.lastgroup is None:
            at = position + len(expression[position:]) - len(expression[position:].lstrip())
            raise _problem(
                expression, f"unrecognized character: U+{ord(expression[at]):04X} {expression[at]!r}", at
            )
        tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
        position = found.end()
    return tokens


def _problem(expression: str, what: str, at: int) -> BadCondition:
    return BadCondition(f"{what} (1:{at + 1})\n | {expression}\n | {'.' * at}^")


class _Parser:
    def __init__(self, expression: str, *, failed: bool) -> None:
        self._expression = expression
        self._tokens = _tokens(expression)
        self._position = self._depth = 0
        self._functions = {"success": not failed, "failure": failed}

    def whole(self) -> Any:
        value = self._ternary()
        if self._position < len(self._tokens):
            raise self._unexpected()
        return value

    def _take(self, *wanted: str) -> str:
        if self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.kind != "text" and token.text in wanted:
                self._position += 1
                return token.text
        return ""

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            raise self._unexpected()

    def _unexpected(self) -> BadCondition:
        if self._position >= len(self._tokens):
            return _problem(self._expression, "unexpected token EOF", max(0, len(self._expression) - 1))
        token = self._tokens[self._position]
        kind = {"number": "Number", "text": "String", "word": "Identifier"}.get(token.kind, "Operator")
        return _problem(self._expression, f'unexpected token {kind}("{token.text}")', token.at)

    def _boolean(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise BadCondition(_NOT_BOOLEAN)
        return value

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        if self._depth >= _MAX_DEPTH:
            raise BadCondition(f"the expression is nested more than {_MAX_DEPTH} levels deep")
        self._depth += 1
        yield
        self._depth -= 1

    def _ternary(self) -> Any:
        with self._deeper():
            value = self._either()
            if not self._take("?"):
                return value
            yes = self._ternary()
            self._need(":")
            no = self._ternary()
            return yes if self._boolean(value) else no

    def _either(self) -> Any:
        value = self._both()
        while self._take("||", "or"):
            right = self._both()
            value = self._boolean(value) or self._boolean(right)
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&", "and"):
            right = self._compared()
            value = self._boolean(value) and self._boolean(right)
        return value

    def _compared(self) -> Any:
        value = self._unary()
        while sign := self._take(*_COMPARE):
            right = self._unary()
            try:
                value = _COMPARE[sign](value, right)
            except TypeError:
                raise BadCondition(f"invalid operation: {sign} between these values") from None
        return value

    def _unary(self) -> Any:
        if self._take("!", "not"):
            with self._deeper():
                return not self._boolean(self._unary())
        if self._take("("):
            value = self._ternary()
            self._need(")")
            return value
        return self._operand()

    def _operand(self) -> Any:
        if self._position >= len(self._tokens):
            raise self._unexpected()
        token = self._tokens[self._position]
        if token.kind == "mark" or token.text in {"and", "or"}:
            raise self._unexpected()
        self._position += 1
        if token.kind == "number":
            return float(token.text)
        if token.kind == "text":
            return token.text[1:-1]
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if not self._take("("):
            return self._functions if token.text in self._functions else None
        self._need(")")
        if token.text not in self._functions:
            raise _problem(self._expression, f"unknown function {token.text}", token.at)
        return self._functions[token.text]
