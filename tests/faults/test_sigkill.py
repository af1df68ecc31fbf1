"""SIGKILL at the calls of every command, on a real server and a real MLflow store.

The process that gives the command is killed, and separately the lake server: before each call, and after it
and before its answer. Then the command is given again, and the end must be that of an undisturbed run.
``just test-faults`` kills at every call; ``just test`` at twenty of these points, chosen by a fixed seed.
Calls found and calls killed are printed and must be equal.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.conftest import SAYS
from tests.faults.harness import Zygote
from tests.support.commands import COMMANDS

SEEDED_POINTS = 20
SEEDED_COMMANDS = ("run", "lost race", "rollback", "forward rollback")
SEED = 20130101

Say = Callable[[str, object], None]


@pytest.mark.slow
def test_killed_at_seeded_points_and_run_again(zygote: Zygote, record_property: Say) -> None:
    points = [
        point
        for command in SEEDED_COMMANDS
        for server in (False, True)
        for point in zygote.known(command).points(command, server=server)
    ]
    chosen = random.Random(SEED).sample(points, SEEDED_POINTS)
    for point in chosen:
        zygote.kill(point)
    record_property(SAYS, f"of {len(points)} points found {len(chosen)} killed")


@pytest.mark.faults
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("server", [False, True], ids=["victim", "server"])
@pytest.mark.parametrize("command", list(COMMANDS))
def test_killed_at_every_call_and_run_again(
    zygote: Zygote, record_property: Say, command: str, server: bool, after: bool
) -> None:
    known = zygote.known(command)
    found = len(known.requests if server else known.calls)
    killed: Counter[bool] = Counter()
    for point in known.points(command, server=server):
        if point.after == after:
            zygote.kill(point)
            killed[after] += 1
    who, when = "server" if server else "victim", "after" if after else "before"
    record_property(SAYS, f"{command}: {found} calls found, {who} killed {when} {killed[after]}")
    assert killed[after] == found > 0
