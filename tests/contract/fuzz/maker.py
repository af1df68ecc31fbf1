"""Makes a sequence of random requests about one repository."""

from __future__ import annotations

from typing import Any

from tests.contract.fuzz import vocabulary as words
from tests.contract.fuzz.vocabulary import Dice
from tests.contract.fuzz.wire import REPOSITORY, Operation, segment, symbol

R = f"/repositories/{REPOSITORY}"

#: Commits get times of their own, so that logs have one order.
_FIRST_DATE = 1_500_000_000


class Maker:
    """Requests made so far, and what the next ones may refer to.

    Args:
        dice: every choice comes from there.
    """

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.made: list[Operation] = []
        self._makers: dict[str, list[int]] = {}

    def add(
        self,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        makes: tuple[str, ...] = (),
    ) -> None:
        """Add a request; it may come out slightly wrong.

        A query parameter of None is left out. Later requests may refer to things of the kinds that it makes.
        """
        number = len(self.made)
        pairs = [(key, str(value)) for key, value in (query or {}).items() if value is not None]
        headers = dict(headers or {})
        if number and self.dice.maybe(self.dice.odds):
            pairs, body = self._spoiled(pairs, body, headers)
        self.made.append(Operation(number, name, method, path, tuple(pairs), tuple(headers.items()), body))
        for kind in makes:
            self._makers.setdefault(kind, []).append(number)

    def _spoiled(self, pairs: list[tuple[str, str]], body: Any, headers: dict[str, str]) -> tuple[Any, Any]:
        """One part of a request, changed."""
        dice = self.dice
        kind = dice.choice(["field", "field", "field", "drop", "extra", "twice", "type", "raw"])
        if kind == "field" and isinstance(body, dict) and body:
            return pairs, {**body, dice.choice(list(body)): dice.choice(words.ODD_VALUES)}
        if kind == "drop" and isinstance(body, dict) and body:
            dropped = dice.choice(list(body))
            return pairs, {key: value for key, value in body.items() if key != dropped}
        if kind == "drop" and pairs:
            del pairs[dice.randrange(len(pairs))]
        if kind == "extra":
            return [*pairs, ("unknown", "x")], {**body, "unknown": 1} if isinstance(body, dict) else body
        if kind == "twice" and pairs:
            # lakeFS takes a repeated time if it is empty.
            again = [pair for pair in pairs if pair[0] != "since"]
            return [*pairs, *again[:1]], body
        if kind == "type" and isinstance(body, dict):
            headers["Content-Type"] = dice.choice(
                ["text/plain", "application/json; charset=utf-8", "APPLICATION/JSON"]
            )
        if kind == "raw" and isinstance(body, dict):
            headers["Content-Type"] = "application/json"
            return pairs, dice.choice([b"{", b"", b"null", b"[]", b'"x"', b'{"a":NaN}', b"\xef\xbb\xbf{}"])
        return pairs, body

    def earlier(self, kind: str) -> str | None:
        """Return a symbol for something that an earlier request made, or None."""
        makers = self._makers.get(kind)
        return symbol(kind, self.dice.choice(makers[-8:])) if makers else None

    def branch(self) -> str:
        """Choose a branch."""
        return self.dice.one(words.BRANCHES, words.ODD_BRANCHES)

    def branch_path(self) -> str:
        """Choose a branch; return its address."""
        return f"{R}/branches/{segment(self.branch())}"

    def tag(self) -> str:
        """Choose a tag."""
        return self.dice.one(words.TAGS, words.ODD_TAGS)

    def path(self) -> str:
        """Choose the path of an object."""
        return self.dice.one(words.PATHS, words.ODD_PATHS)

    def ref(self) -> str:
        """Choose a ref expression."""
        dice = self.dice
        base = self.branch()
        if dice.maybe(0.25):
            base = self.earlier("commit") or base
        elif dice.maybe(0.12):
            base = self.tag()
        if dice.maybe(0.25):
            odd = ("~x", "^3", "~99999999999", "@@", "$~1", "~-1", "^-1", "@~1")
            base += dice.one(("~1", "~", "~2", "^", "^1", "^2", "~0", "^0", "@", "$", "~1~1", "~1^1"), odd)
        return base

    def flag(self, chance: float = 0.15) -> str | None:
        """Choose a boolean parameter, most often none."""
        return self.dice.one(words.FLAGS, words.ODD_FLAGS) if self.dice.maybe(chance) else None

    def page(self, *, delimiter: bool = False, prefix: bool = True) -> dict[str, Any]:
        """Choose the bounds of a list."""
        dice = self.dice
        bounds: dict[str, Any] = {}
        if dice.maybe(0.35):
            bounds["amount"] = dice.one(words.AMOUNTS, words.ODD_AMOUNTS)
        if prefix and dice.maybe(0.35):
            bounds["prefix"] = dice.one(words.PREFIXES, words.ODD_PATHS)
        if dice.maybe(0.3):
            bounds["after"] = dice.one(words.PATHS + words.PREFIXES + words.BRANCHES, words.ODD_PATHS)
        if delimiter and dice.maybe(0.4):
            bounds["delimiter"] = dice.one(words.DELIMITERS, words.ODD_PATHS)
        return bounds

    def metadata(self) -> dict[str, str]:
        """Choose user metadata."""
        return dict(self.dice.sample(words.METADATA, self.dice.randrange(3)))

    def fields(self, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
        """Return a body of the required fields and some of the others."""
        return required | {key: value for key, value in optional.items() if self.dice.maybe(0.3)}

    def message(self) -> str:
        """Choose a message that no other commit has, or an ordinary one."""
        return f"{self.dice.choice(words.MESSAGES)}#{len(self.made)}"

    def date(self) -> int:
        """Return a time later than those before."""
        return _FIRST_DATE + 100 * len(self.made)
