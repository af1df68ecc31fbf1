"""The grammar of ref expressions: `main`, `v1.0`, `main~2`, `a1b2c3^2`, `main@`, `main$`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from mlops.lakeserver.errors import BadRequest

INVALID_REF = "ref: invalid value: validation error"

_PARTS = re.compile(r"(?:^|[~^@$])[^^~@$]*")
_WRITTEN = re.compile(r"[^ \t\n\f\r]+")
_HASH = re.compile(r"[0-9a-fA-F]{1,64}")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Modifier:
    """One step away from the base.

    Attributes:
        kind: `~` first-parent ancestor, `^` n-th parent, `@` committed head, `$` staging area.
        amount: how many steps, or which parent.
    """

    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class RefExpression:
    """A ref as written: a name (commit, branch, tag or the beginning of a commit id) and steps from it."""

    base: str
    modifiers: tuple[Modifier, ...]

    @property
    def staging_only(self) -> bool:
        """Return whether it names a branch's staging area (`branch$`)."""
        return any(modifier.kind == "$" for modifier in self.modifiers)

    @property
    def committed_only(self) -> bool:
        """Return whether a branch's staging area is left out (`branch@`, or any step)."""
        return bool(self.modifiers) and not self.staging_only


@lru_cache(maxsize=4096)
def parse(text: str) -> RefExpression:
    """Return the expression that `text` writes.

    Raises:
        BadRequest: it writes none.
    """
    parts = _PARTS.findall(text)
    if not parts or not parts[0] or parts[0][0] in "~^@$":
        raise BadRequest(INVALID_REF)
    return RefExpression(parts[0], tuple(_modifier(part) for part in parts[1:]))


def _modifier(part: str) -> Modifier:
    kind, digits = part[0], part[1:]
    if kind in "@$":
        if digits:
            raise BadRequest(INVALID_REF)
        return Modifier(kind, 1)
    if not digits:
        return Modifier(kind, 1)
    if not _AMOUNT.fullmatch(digits):
        raise BadRequest(f"could not parse modifier {part}: {INVALID_REF}")
    return Modifier(kind, int(digits))


def check_ref(text: str, argument: str = "ref") -> str:
    """Return a text that may be a ref expression; lakeFS looks at this before it looks for anything.

    Raises:
        BadRequest: it is empty, or there is white space in it.
    """
    if not _WRITTEN.fullmatch(text):
        reason = INVALID_REF if text else "required value: validation error"
        raise BadRequest(f"argument {argument}: {reason}")
    return text


def is_hash(text: str) -> bool:
    """Return whether `text` can be a commit id or the beginning of one."""
    return bool(_HASH.fullmatch(text))


def is_full_hash(text: str) -> bool:
    """Return whether `text` can be a whole commit id."""
    return len(text) == 64 and is_hash(text)
