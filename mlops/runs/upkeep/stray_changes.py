"""What is staged on `main`, where nothing of the protocol stages anything."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import LakeDenied
from mlops.runs.main.protection import CACHE_S, RETRY_S, lift, protect_main
from mlops.runs.main.state import read_main
from mlops.runs.ports import Change, Ports
from mlops.runs.rollback.reset import withdraw_resets


def drop_staged(ports: Ports) -> list[Change]:
    """Drop whatever is staged on `main`, and return it; `main` is as protected afterwards as it was before.

    While something is staged a lake refuses every merge. A lake refuses to drop it, too, while the branch is
    protected: so protection is lifted for that moment, and only where there is something to drop. Nothing is
    done while a rollback is under way, whose reset drops that as well.

    Raises:
        LakeDenied: The lake does not notice in time that `main` is not protected any more.
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
    """Lift the protection of `main`, if the rules stay as they are meanwhile; return whether it was done.

    None while a rollback is under way, which lifts it itself.
    A reset of a rollback that is over may still be on its way: first, what it leads to is taken from it.
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
