"""A hook's `if`: the part of lakeFS's expression language that speaks of `success()` and `failure()`.

Understood: `success()`, `failure()`, `true`, `false`, `!`/`not`, `&&`/`and`, `||`/`or`, `==`, `!=`, `? :` and
brackets, on booleans. lakeFS's language also has numbers, strings, lists and more, from which no condition on
a hook's success can be made; such an expression is refused here and is an error of the hook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<mark>&&|\|\||==|!=|[!()?:]))")
_RESERVED = {"and", "or", "not"}


class BadCondition(ValueError):
    """The expression cannot be evaluated."""


def holds(expression: str, *, failed: bool) -> bool:
    """Whether a hook runs after hooks of its action that succeeded, or of which one `failed`.

    Raises:
        BadCondition: the expression is not of the grammar above.
    """
    if not expression:
        return not failed
    parser = _Parser(_tokens(expression), failed=failed)
    value = parser.ternary()
    parser.end()
    return value


def _tokens(expression: str) -> list[str]:
    tokens, position, text = [], 0, expression.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise BadCondition(f"unexpected {text[position:].strip()[:20]!r} in 'if' expression")
        tokens.append(found["word"] or found["mark"])
        position = found.end()
    if not tokens:
        raise BadCondition("unexpected token EOF in 'if' expression")
    return tokens


@dataclass
class _Parser:
    tokens: list[str]
    failed: bool
    position: int = field(default=0)

    def _take(self, *wanted: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position] in wanted:
            self.position += 1
            return True
        return False

    def _need(self, wanted: str) -> None:
        if not self._take(wanted):
            raise self._unexpected()

    def _unexpected(self) -> BadCondition:
        rest = self.tokens[self.position :]
        return BadCondition(f"unexpected token {rest[0] if rest else 'EOF'} in 'if' expression")

    def end(self) -> None:
        if self.position < len(self.tokens):
            raise self._unexpected()

    def ternary(self) -> bool:
        value = self._either()
        if not self._take("?"):
            return value
        yes = self.ternary()
        self._need(":")
        no = self.ternary()
        return yes if value else no

    def _either(self) -> bool:
        value = self._both()
        while self._take("||", "or"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._equal()
        while self._take("&&", "and"):
            value = self._equal() and value
        return value

    def _equal(self) -> bool:
        value = self._unary()
        while True:
            if self._take("=="):
                value = value == self._unary()
            elif self._take("!="):
                value = value != self._unary()
            else:
                return value

    def _unary(self) -> bool:
        if self._take("!", "not"):
            return not self._unary()
        if self._take("("):
            value = self.ternary()
            self._need(")")
            return value
        return self._word()

    def _word(self) -> bool:
        if self._take("true"):
            return True
        if self._take("false"):
            return False
        if self._take("success", "failure"):
            word = self.tokens[self.position - 1]
            self._need("(")
            self._need(")")
            return self.failed is (word == "failure")
        raise self._unexpected()
