"""SIGKILL at the calls of every command, on a real server and a real MLflow store.

The process that gives the command is killed, and separately the lake server: before each call, and between
each call that changes something and its answer. Then the command is given again: the end must be that of an
undisturbed run, an audit must find nothing, and the lake's store must be whole.

Ingest, run, promote, rollback, restore, reconcile, policy and sweep, with models that are numbers, are killed
at every call. Commands that take mostly the same way, and the real steps, which take longer, are killed in
every state that they can leave behind: between each call that changes something and its answer.

Ingest and run of every registered pipeline are killed at twenty points each, chosen by a fixed seed.

``just test-faults`` kills at all of these; ``just test`` at twenty points, chosen by a fixed seed.
Calls found and calls killed are printed and must be equal.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults import pipeline_steps, real_steps
from tests.faults.harness import Zygote
from tests.faults.points import reads
from tests.faults.telling import SAYS, TALLY
from tests.support.commands import COMMANDS

SEEDED_POINTS = 20
SEEDED_COMMANDS = ("run", "lost race", "rollback", "forward rollback")
SEED = 20130101

#: Killed in every state that they can leave behind, rather than at every call.
ALIKE = (
    "refused run",
    "lost race, refused",
    "resume",
    "restore, refused",
    "replace unscorable",
    "write off",
    "forget",
)
AT_EVERY_CALL = [command for command in COMMANDS if command not in ALIKE]

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
@pytest.mark.parametrize("pipeline", sorted(set(pipeline_steps.BASES.values())))
def test_every_pipeline_is_killed_at_seeded_points_and_run_again(
    zygote: Zygote, record_property: Say, pipeline: str
) -> None:
    points = [
        point
        for command, (name, _) in pipeline_steps.COMMANDS.items()
        if name == pipeline
        for server in (False, True)
        for point in zygote.known(command).points(command, server=server)
    ]
    chosen = random.Random(SEED).sample(points, SEEDED_POINTS)
    for point in chosen:
        zygote.kill(point)
    record_property(SAYS, f"{pipeline}: of {len(points)} points found {len(chosen)} killed")


@pytest.mark.faults
@pytest.mark.parametrize("server", [False, True], ids=["victim", "server"])
@pytest.mark.parametrize("command", AT_EVERY_CALL)
def test_killed_at_every_call_and_run_again(
    zygote: Zygote, record_property: Say, command: str, server: bool
) -> None:
    known = zygote.known(command)
    calls = known.requests if server else known.calls
    changing = sum(not reads(call) for call in calls)
    killed: Counter[bool] = Counter()
    for point in known.points(command, server=server):
        zygote.kill(point)
        killed[point.after] += 1
    who = "server" if server else "victim"
    record_property(
        SAYS,
        f"{command}, {who}: {len(calls)} calls found, {killed[False]} killed before; "
        f"{changing} of them change something, {killed[True]} killed after",
    )
    record_property(TALLY, {"calls found": len(calls), "killed before": killed[False]})
    record_property(TALLY, {"changes found": changing, "killed between change and answer": killed[True]})
    assert (killed[False], killed[True]) == (len(calls), changing)


@pytest.mark.faults
@pytest.mark.parametrize("server", [False, True], ids=["victim", "server"])
@pytest.mark.parametrize("command", [*ALIKE, *real_steps.COMMANDS])
def test_killed_after_every_change_and_run_again(
    zygote: Zygote, record_property: Say, command: str, server: bool
) -> None:
    known = zygote.known(command)
    calls = known.requests if server else known.calls
    changing = sum(not reads(call) for call in calls)
    killed = 0
    for point in known.after_changes(command, server=server):
        zygote.kill(point)
        killed += 1
    who = "server" if server else "victim"
    record_property(
        SAYS,
        f"{command}, {who}: {changing} of {len(calls)} calls change something, {killed} killed after",
    )
    record_property(TALLY, {"changes found": changing, "killed between change and answer": killed})
    assert killed == changing > 0
