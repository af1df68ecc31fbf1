"""`{{ ENV.NAME }}` in the properties of hooks."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PREFIX = "LAKEFSACTION_"
_VARIABLE = re.compile(r"{{ ?ENV\.(.*?) ?}}")

Environ = Callable[[str], str | None]


class MissingVariable(ValueError):
    """A variable with the right prefix is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} not found: missing env var")


@dataclass(frozen=True)
class Filled:
    """A property with its variables filled in; `str` hides it if there were any."""

    value: str
    secret: bool

    def __str__(self) -> str:
        return "*******" if self.secret else self.value


def fill(text: str, environ: Environ | None = None) -> Filled:
    """`text` with its variables; those without the prefix are empty.

    Raises:
        MissingVariable: a variable with the prefix is not set.
    """
    lookup = environ or os.environ.get

    def value(found: re.Match[str]) -> str:
        name = found[1].strip("{} ")
        if not name.startswith(PREFIX):
            return ""
        filled = lookup(name)
        if filled is None:
            raise MissingVariable(name)
        return filled

    result, count = _VARIABLE.subn(value, text)
    return Filled(result, secret=count > 0)


def fill_all(value: Any, environ: Environ | None = None) -> Any:
    """`value` with every text in its lists and text-keyed mappings filled.

    Raises:
        MissingVariable: as `fill`.
    """
    if type(value) is str:
        return fill(value, environ).value
    if isinstance(value, list):
        return [fill_all(item, environ) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: fill_all(item, environ) for key, item in value.items()}
    return value
