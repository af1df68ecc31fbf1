"""A run is forgotten in the end, whoever died on the way, although the process that made it still lives."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.upkeep.forget import forget
from tests.support.commands import COMMANDS, run_with
from tests.support.faults import Died, FaultPlan, watched


def test_forgetting_goes_on_wherever_it_died_while_the_owner_of_the_run_lives() -> None:
    scenario = COMMANDS["forget"]
    plan = FaultPlan()
    scenario.command(watched(scenario.world(), plan))
    for at in range(1, len(plan.calls) + 1):
        world = scenario.world()
        run_id = run_with(world, 12.0)
        try:
            scenario.command(watched(world, FaultPlan(at=at)))
        except Died:
            scenario.command(world)
        assert names.forgotten_tag(run_id) in world.lake.tags()
        assert forget(world.ports, run_id, "again").run_id == run_id
