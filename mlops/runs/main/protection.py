"""Branch protection of `main`: it changes by merges only."""

from __future__ import annotations

import re
from contextlib import suppress

from mlops.runs import names
from mlops.runs.errors import Conflict
from mlops.runs.ports import Lake, Protection

#: lakeFS caches protection rules for 3 to 6 s; after that an unprotected branch accepts a reset.
CACHE_S = 8.0
RETRY_S = 0.25

#: Rules are replaced as a whole, if nobody else has changed them since they were read.
_RULE_ROUNDS = 20


def protect_main(lake: Lake) -> bool:
    """Protect `main` if it is not protected; return whether that was necessary.

    Raises:
        Conflict: Other clients keep changing the rules.
    """
    for _ in range(_RULE_ROUNDS):
        rules = lake.protection()
        if names.MAIN in rules.patterns:
            return False
        with suppress(Conflict):
            lake.protect([*rules.patterns, names.MAIN], rules.version)
            return True
    raise Conflict("others keep changing the rules", where="branch protection", todo="try again")


_MARKER = re.compile(r"(?P<tag>rolledback-[0-9]{6,9})-[0-9a-z]{1,32}")


def is_marker(pattern: str) -> bool:
    """Return whether a pattern is a marker, which matches no branch and names the last rollback."""
    return _MARKER.fullmatch(pattern) is not None


def is_marked(rules: Protection, number: int) -> bool:
    """Return whether rollback ``number`` was the last one that protected `main`."""
    matches = filter(None, map(_MARKER.fullmatch, rules.patterns))
    return any(match["tag"] == names.rollback_tag(number) for match in matches)


def protect_marked(lake: Lake, rules: Protection, number: int, nonce: str) -> None:
    """Protect `main` with a marker of rollback ``number``, unless the rules have changed since."""
    with suppress(Conflict):
        lake.protect([names.MAIN, *_others(rules), f"{names.rollback_tag(number)}-{nonce}"], rules.version)


def lift(lake: Lake, rules: Protection, number: int, nonce: str) -> bool:
    """Lift the protection of `main`, unless the rules have changed since; return whether it was done.

    A marker is left here as well, of rollback 0 outside a rollback: lakeFS accepts a replacement of empty
    rules without comparing versions, so the rules must never be empty.
    """
    with suppress(Conflict):
        lake.protect([*_others(rules), f"{names.rollback_tag(number)}-{nonce}"], rules.version)
        return True
    return False


def _others(rules: Protection) -> list[str]:
    return [pattern for pattern in rules.patterns if pattern != names.MAIN and not is_marker(pattern)]
