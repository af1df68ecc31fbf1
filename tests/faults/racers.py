"""Inside a forked child: what racers do, and what must be so when all of them have ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from mlops.runs import names
from mlops.runs.main.protection import is_marker
from mlops.runs.main.state import read_json, read_main, since
from mlops.runs.ports import Lake
from mlops.runs.promotion.attempts import attempts_of, is_over, load_run
from mlops.runs.promotion.decision import decide
from mlops.runs.promotion.promote import Promotion, promote
from mlops.runs.records import Champion, RollbackRecord, Run, Step
from mlops.runs.rollback.rollback import resume, rollback
from mlops.runs.upkeep.reconcile import reconcile, record_promotion
from tests.faults import real_steps
from tests.faults.turnstile import Turnstile, TurnstileClock
from tests.faults.victims import Address, real_world
from tests.support.protocol import World

Role = Callable[..., dict[str, Any]]


def race(address: Address, role: str, turnstile: Turnstile, options: Mapping[str, Any]) -> dict[str, Any]:
    """Play a role in a race, and return how it ended."""
    return ROLES[role](address, turnstile, **options)


def _world(address: Address, turnstile: Turnstile) -> World:
    world = real_world(address, turnstile)
    world.ports = dataclasses.replace(world.ports, clock=TurnstileClock(turnstile))
    return world


def _promoter(address: Address, turnstile: Turnstile, mae: float) -> dict[str, Any]:
    """Decide, wait for the others, promote."""
    world = _world(address, turnstile)
    reconcile(world.ports)
    run = decide(world.ports, world.judge, world.train(mae)).run
    before = world.judge.evaluations
    turnstile.barrier()
    ended = promote(world.ports, world.judge, run)
    record_promotion(world.ports, ended)
    reconcile(world.ports)
    return _told(ended) | {"scored_again": world.judge.evaluations - before}


def _steps_promoter(address: Address, turnstile: Turnstile, shrinkage: float) -> dict[str, Any]:
    ended, scored_again = real_steps.promoter(address, turnstile, shrinkage)
    return _told(ended) | {"scored_again": scored_again}


def _told(ended: Promotion) -> dict[str, Any]:
    """Return how a promotion ended, as JSON types."""
    return {
        "number": ended.number,
        "commit": ended.merge_commit,
        "run_id": ended.run.run_id,
        "outcome": str(ended.decision.verdict.outcome),
        "decided_again": ended.decided_again,
    }


def _roller(
    address: Address, turnstile: Turnstile, to: int | None, forward: bool, resumes: bool
) -> dict[str, Any]:
    """Roll back, and perhaps let promotions go on at once."""
    world = _world(address, turnstile)
    turnstile.barrier()
    reconcile(world.ports)
    record = rollback(world.ports, "racing", to, forward=forward)
    reconcile(world.ports)
    if resumes:
        resume(world.ports, "racing")
    return {"to": record.to_number if record else 0}


def _deliverer(address: Address, turnstile: Turnstile, arrival: str) -> dict[str, Any]:
    world = _world(address, turnstile)
    turnstile.barrier()
    ended = world.arrive(arrival)
    return {"commit": ended.commit, "arrival": arrival}


ROLES: dict[str, Role] = {
    "promoter": _promoter,
    "roller": _roller,
    "deliverer": _deliverer,
    "steps promoter": _steps_promoter,
    "steps deliverer": real_steps.deliverer,
}


def settle(address: Address, kit: Any) -> dict[str, str]:
    """Do what people do after a race: lift the hold, go on with what is unfinished; then check everything.

    Args:
        address: Where everything is.
        kit: The module whose promoters have raced: it audits, and finishes a run.

    Returns:
        Per run that was unfinished what it came to: ``promoted``, ``refused``, or ``dropped`` where a
        rollback dropped the commit that it forked from.
    """
    world = real_world(address)
    kit.check_clean(address)
    reconcile(world.ports)
    resume(world.ports, "the race is over")
    ends = {run.run_id: _finished(address, kit, run) for run in _unfinished(world.lake)}
    assert reconcile(world.ports) == []
    kit.check_clean(address)
    return ends


def _finished(address: Address, kit: Any, run: Run) -> str:
    lake = real_world(address).lake
    if not since(lake, lake.head(names.MAIN), run.fork).reached:
        return "dropped"
    return "promoted" if kit.finish(address, run).number else "refused"


def account(address: Address) -> dict[str, Any]:
    """Return what the record says: promotions and rollbacks by number, with what they replaced or dropped."""
    world = real_world(address)
    lake, state = world.lake, read_main(world.lake)
    promotions: dict[str, Any] = {}
    rollbacks: dict[str, Any] = {}
    for tag, commit in state.tags.items():
        if names.is_promotion_tag(tag):
            champion = Champion.from_json(read_json(lake, commit, names.CHAMPION))
            promotions[str(champion.number)] = {
                "commit": commit,
                "run_id": champion.run_id,
                "replaced": champion.compared_to.number,
                "replaced_sha256": champion.compared_to.champion_sha256,
            }
        elif names.is_rollback_tag(tag):
            record = RollbackRecord.from_json(read_json(lake, commit, names.ROLLBACK))
            rollbacks[str(record.number)] = dataclasses.asdict(record)
    return {
        "promotions": promotions,
        "rollbacks": rollbacks,
        "history": [commit.id for commit in lake.log(state.head)],
        "raw": [stat.path for stat in lake.list(state.head, names.RAW)],
        "unfinished": [run.run_id for run in _unfinished(lake)],
        "trained": _trained(lake),
        "protected": [p for p in lake.protection().patterns if not is_marker(p)],
        "staged": [change.path for change in lake.staged(names.MAIN)],
    }


def _unfinished(lake: Lake) -> list[Run]:
    """Return the runs that are neither promoted nor refused nor rolled back, by their last attempts."""
    state = read_main(lake)
    ids = sorted({p.run_id for p in map(names.parse_run_branch, lake.branches("run-")) if p})
    latest = [load_run(lake, attempts_of(lake, run_id)[-1]) for run_id in ids]
    return [run for run in latest if run is not None and not is_over(lake, state, run)]


def _trained(lake: Lake) -> dict[str, int]:
    """Return per run how often it was trained, over all attempts."""
    found: dict[str, set[str]] = {}
    for branch in lake.branches("run-"):
        for commit in lake.log(branch):
            if commit.metadata.get("kind") != "run":
                break
            if commit.metadata["step"] == Step.TRAINED and not commit.message.startswith("Open attempt"):
                found.setdefault(commit.metadata["run_id"], set()).add(commit.id)
    return {run_id: len(commits) for run_id, commits in found.items()}
