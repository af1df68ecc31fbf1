"""Protection of `main`, and what is staged there: nobody writes to `main` but by a merge."""

from __future__ import annotations

from contextlib import suppress

from mlops.runs import names
from mlops.runs.errors import Conflict, LakeDenied
from mlops.runs.ports import Change, Lake, Ports

#: lakeFS caches protection rules for 3 to 6 s; after that an unprotected branch accepts a reset.
CACHE_S = 8.0
RETRY_S = 0.25

#: Rules are replaced as a whole, if nobody else has changed them since they were read.
_RULE_ROUNDS = 20


def protect_main(lake: Lake) -> bool:
    """Make sure that `main` is protected; return whether it had to be.

    Raises:
        Conflict: Others keep changing the rules.
    """
    for _ in range(_RULE_ROUNDS):
        rules = lake.protection()
        if names.MAIN in rules.patterns:
            return False
        with suppress(Conflict):
            lake.protect([*rules.patterns, names.MAIN], rules.version)
            return True
    raise Conflict("others keep changing the rules", where="branch protection", todo="try again")


def unprotect_main(lake: Lake) -> bool:
    """Lift the protection of `main`, if the rules stay as they are meanwhile; return whether it was done."""
    rules = lake.protection()
    rest = [pattern for pattern in rules.patterns if pattern != names.MAIN]
    if len(rest) != len(rules.patterns):
        with suppress(Conflict):  # the rules have changed: what is forbidden now is tried again
            lake.protect(rest, rules.version)
            return True
    return False


def drop_staged(ports: Ports) -> list[Change]:
    """Drop whatever is staged on `main`, and return it; `main` is as protected afterwards as it was before.

    Nothing of the protocol stages anything there, and while something is staged a lake refuses every merge.
    A lake refuses to drop it, too, while the branch is protected: so protection is lifted for that moment,
    and only where there is something to drop.

    Raises:
        LakeDenied: The lake does not notice in time that `main` is not protected any more.
    """
    lake, lifted, waited = ports.lake, False, 0.0
    stray = lake.staged(names.MAIN)
    if not stray:
        return []
    try:
        while lake.staged(names.MAIN):
            lifted = unprotect_main(lake) or lifted
            try:
                lake.discard(names.MAIN)
            except LakeDenied:
                if waited >= CACHE_S:
                    raise
                ports.clock.sleep(RETRY_S)
                waited += RETRY_S
    finally:
        if lifted:
            protect_main(lake)
    ports.tell(f"main: {len(stray)} staged changes dropped, the first {stray[0].path}")
    return stray
