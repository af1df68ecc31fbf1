"""Old outputs that come back, and champions that cannot be scored: what the commands do, on any world."""

from __future__ import annotations

from typing import Any

from mlops.runs import names
from mlops.runs.promotion.attempts import finish_step
from mlops.runs.promotion.promote import Promotion
from mlops.runs.promotion.replace_champion import replace_unscorable
from mlops.runs.promotion.restore import restore
from mlops.runs.records import Run, Step
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from tests.support.protocol import World


def restored(world: World, number: int, reason: str = "it was right", **options: Any) -> Promotion:
    """Bring the outputs of a promotion back, with caches before and after."""

    def validate(run: Run) -> Run:
        if run.reached(Step.VALIDATED):
            return run
        world.lake.write(run.branch, names.validation_path("processed"), b"{}\n")
        return finish_step(world.ports, run, Step.VALIDATED, "Validate")

    def begin(run: Run) -> None:
        world.ports.tracker.begin(run, {"mlops.run_id": run.run_id})

    reconcile(world.ports)
    ended = restore(world.ports, world.judge, number, reason, validate, **{"begin": begin, **options})
    record_promotion(world.ports, ended)
    reconcile(world.ports)
    return ended


def replaced(world: World, run_id: str, reason: str = "its model file is lost") -> Promotion:
    """Let a run replace a champion that cannot be scored, with caches before and after."""
    reconcile(world.ports)
    ended = replace_unscorable(world.ports, world.judge, run_id, reason)
    record_promotion(world.ports, ended)
    reconcile(world.ports)
    return ended
