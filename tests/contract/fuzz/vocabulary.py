"""What random requests are made of: ordinary names and values, and odd ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

#: None of them can be the beginning of a commit id.
BRANCHES = ("main", "main", "h1", "h2", "feat_x", "dev-1", "BIG", "run")
ODD_BRANCHES = ("feat/x", "-bad", "é", "a.b", "a b", "~", "main@", "x" * 300, "mai%6e", "nosuch", "@", "\x7f")
TAGS = ("v1", "v2", "v1.0", "r-1")
ODD_TAGS = (
    "v~1",
    "~",
    "t\x7f",
    "v 1",
    "a..b",
    "x.lock",
    "@",
    "v/1",
    "é",
    "%41",
    "t@{x",
    "h1",
    "",
    "x.",
    "^",
    "t ",
)
PATHS = ("a", "b", "a/b", "a/b/c", "d/e/1", "d/e/3", "d/e/f/g", "d/x", "d/e", "z", "c.csv", "_x")
ODD_PATHS = (
    "x y",
    "é/ü",
    "%41",
    "a+b",
    "a//b",
    "/a",
    "a/",
    "..",
    "a/../b",
    "x?y#z&w",
    "\x01",
    "x" * 1024,
    "x" * 1025,
    "日本語",
    "a\tb",
    "a\x00b",
    "é" * 513,
    "\\",
    ".",
    " ",
    "",
    "\U0001f600",
)
PREFIXES = ("", "a", "a/", "d/", "d/e/", "d/e", "z", "q")
DELIMITERS = ("/", "/", "/", "e", "d/", "/e", "//")
CONTENTS = (b"", b"x", b"hello", b"0123456789", b"a,b\r\n1,2", bytes(range(256)) * 20)
TYPES = (
    "text/plain",
    "application/json",
    "application/octet-stream",
    "text/csv; charset=utf-8",
    "TEXT/Plain",
    "application/x-parquet",
    "text",
    "image/png",
)
ODD_TYPES = ("not a type", "a/b;c", "", "/", "text/plain;", 'a/b; c="d e"', "a/b;c=1;c=2", "a/b ; c = d")
RANGES = ("bytes=0-0", "bytes=0-", "bytes=1-3", "bytes=-2", "bytes=2-99999")
ODD_RANGES = (
    "bytes=5-2",
    "bytes=0-1,3-4",
    "bytes=-",
    "bytes=abc",
    "items=0-1",
    "bytes=99999999999999999999-",
    "bytes=0-99999999999999999999",
    "bytes=-99999999999999999999",
    "bytes=-0",
    "bytes=9223372036854775807-",
    "bytes=1-2 ",
    "",
    "bytes=1-2,",
    "bytes= 1-2",
)
METADATA = (("k", "v"), ("My-Key", "Some Value"), ("k", "v "), ("é", "x"), ("n_1", ""), ("k", "\tv"))
FLAGS = ("true", "false", "True", "1", "0", "T")
ODD_FLAGS = ("", "yes", "TRUE ", "2", "tRUE")
AMOUNTS = ("1", "2", "3", "5", "100", "1000", "0", "-1")
ODD_AMOUNTS = ("", "1001", "-2", "x", "1.5", "1e2", "+2", "0x10", "99999999999999999999", " 1", "1_0", "007")
TIMES = ("2016-01-01T00:00:00Z", "2030-01-01T00:00:00.5+02:00", "0001-01-01T00:00:00Z", "")
ODD_TIMES = (
    "2016-01-01T00:00:00",
    "2016-01-01",
    "yesterday",
    "2016-02-31T00:00:00Z",
    "2016-01-01 00:00:00Z",
    "2016-01-01T24:00:00Z",
    "2016-01-01T00:00:60Z",
    "0000-01-01T00:00:00Z",
    "2016-W01-1T00:00:00Z",
)
PATTERNS = ("main", "h*", "{main,h1}", "[a-i]*", "h[12]", "ma\\in", "*", "?1", "[!h]*", "dev-**", "fe?t_x")
MESSAGES = ("m", "", "a longer message", "é\n\n日本語", "'quoted' \"text\"", "\x00", "<b>&amp;")
ODD_VALUES: tuple[Any, ...] = (None, 1, "x", "", True, [], {}, -1, 1.5, 2**70, ["x"], {"a": None})


class Dice(random.Random):
    """Random choices, of which some are odd.

    Args:
        seed: makes the same choices again.
        odds: how often a choice is odd.
    """

    def __init__(self, seed: int, odds: float = 0.06) -> None:
        super().__init__(seed)
        self.odds = odds

    def maybe(self, chance: float = 0.5) -> bool:
        """Tell yes with a chance."""
        return self.random() < chance

    def one(self, ordinary: Sequence[T], odd: Sequence[T] = ()) -> T:
        """Choose an ordinary value, seldom an odd one."""
        return self.choice(odd) if odd and self.maybe(self.odds) else self.choice(ordinary)
