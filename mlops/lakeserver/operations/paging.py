"""Lists, a page at a time; what lies deeper than a delimiter shows as one common prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from mlops.lakeserver.grammar.names import upper_bound

MAX_PER_PAGE = 1000
DEFAULT_PER_PAGE = 100


class _Keyed(Protocol):
    @property
    def key(self) -> bytes: ...


T = TypeVar("T")
K = TypeVar("K", bound=_Keyed)


class CommonPrefix(NamedTuple):
    """Stands for everything that begins with `key`, which ends in the delimiter."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list.

    Attributes:
        next_offset: what to pass as `after` for the next page; '' on the last.
    """

    results: list[T]
    next_offset: str = ""

    @property
    def has_more(self) -> bool:
        """Return whether another page follows."""
        return bool(self.next_offset)


def page_of(results: list[T], amount: int, name: Callable[[T], str]) -> Page[T]:
    """Return the page of the first `amount` of `results`, which has one more where there are more."""
    if len(results) <= amount:
        return Page(results)
    return Page(results[:amount], name(results[amount - 1]))


def text_bounds(prefix: str) -> tuple[str, str | None]:
    """Return bounds of the names that begin with `prefix`: the first inclusive, the second exclusive."""
    if not prefix:
        return "", None
    last = ord(prefix[-1])
    # One code point further; surrogates cannot be stored.
    following = 0xE000 if last == 0xD7FF else last + 1
    return prefix, prefix[:-1] + chr(following) if following <= 0x10FFFF else None


def collapsed(
    seek: Callable[[bytes], Iterator[K]],
    *,
    prefix: bytes,
    after: bytes,
    delimiter: bytes,
    amount: int,
    inside: bool = False,
) -> Page[K | CommonPrefix]:
    """Return a page of what `seek` yields (from a key on, in byte order) below `prefix` and after `after`.

    With `inside`, an `after` that lies inside a common prefix and exists has that prefix shown (again).
    """
    found: list[Any] = []
    start: bytes | None = _first(prefix, after, delimiter, inside=inside)
    while start is not None and len(found) <= amount:
        start = _collect(seek(start), prefix, delimiter, amount, found)
    if len(found) <= amount:
        return Page(found)
    return Page(found[:amount], found[amount - 1].key.decode())


def _first(prefix: bytes, after: bytes, delimiter: bytes, *, inside: bool) -> bytes | None:
    """Return the first key that may be in the page."""
    if not after or after < prefix:
        return prefix
    if delimiter and after.startswith(prefix):
        at = after.find(delimiter, len(prefix))
        if at >= 0 and at + len(delimiter) == len(after):
            return upper_bound(after)
        if at >= 0 and inside:
            return after
    return after + b"\0"


def _collect(
    items: Iterator[K], prefix: bytes, delimiter: bytes, amount: int, found: list[Any]
) -> bytes | None:
    """Add items until there is one too many, or until a common prefix; then returns where to go on."""
    for item in items:
        key = item.key
        if not key.startswith(prefix):
            return None
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        if at >= 0:
            common = CommonPrefix(key[: at + len(delimiter)])
            found.append(common)
            return upper_bound(common.key)
        found.append(item)
        if len(found) > amount:
            return None
    return None
