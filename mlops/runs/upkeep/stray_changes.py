"""Removal of staged changes on `main`, where the protocol never stages anything."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import LakeDenied
from mlops.runs.main.protection import CACHE_S, RETRY_S, lift, protect_main
from mlops.runs.main.state import read_main
from mlops.runs.ports import Change, Ports
from mlops.runs.rollback.reset import withdraw_resets


def drop_staged(ports: Ports) -> list[Change]:
    """Drop and return everything staged on `main`; its protection is the same afterwards.

    lakeFS refuses every merge while something is staged, and refuses to drop it while the branch is
    protected. So protection is lifted for a moment, and only if there is something to drop. Nothing is done
    during a rollback, whose reset drops staged changes as well.

    Raises:
        LakeDenied: The lake does not lift the protection of `main` in time.
    """
    lake, lifted, waited = ports.lake, False, 0.0
    stray = lake.staged(names.MAIN)
    if not stray:
        return []
    try:
        while lake.staged(names.MAIN):
            if (done := _unprotect_main(ports)) is None:
                return []
            lifted = lifted or done
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


def _unprotect_main(ports: Ports) -> bool | None:
    """Lift the protection of `main` if the rules have not changed meanwhile; return whether it was done.

    Returns None during a rollback, which lifts the protection itself. A late reset of a completed rollback
    may still arrive, so its target branch is deleted first.
    """
    lake = ports.lake
    rules = lake.protection()  # first: a rollback that begins after this changes them
    state = read_main(lake)
    if state.rollback is not None:
        return None
    if names.MAIN in rules.patterns:
        withdraw_resets(lake, state.tags)
        # Where they have changed meanwhile, what is forbidden now is tried again.
        return lift(lake, rules, 0, ports.nonce())
    return False
