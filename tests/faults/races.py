"""Races of separate processes, and what must be so afterwards."""

from __future__ import annotations

import itertools
import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.harness import PREPARED, STEPS, Zygote, warmed

PROMOTERS = 8
MAES = tuple(11.5 - 0.5 * n for n in range(PROMOTERS))

#: So many steps after the barrier has opened the last of the others joins in, at the latest.
LATEST_STEPS = 2500

#: How a racer may end that did not get what it wanted, and what it is told then; all else is a defect. The
#: enforcer may be the first to see a hold or a revoked run, and then it is the one that says so.
LAWFUL: dict[str, dict[str, tuple[str, ...]]] = {
    "promoter": {
        "OnHold": ("promotions are on hold",),
        "Frozen": ("a rollback is under way",),
        "Unlawful": ("a rollback dropped", "promotions are stopped", "was rolled back"),
        "NotPromoted": ("was rolled back",),
    },
    "roller": {
        "InputError": ("is not in the history of main", "was rolled back"),
        "Frozen": ("another rollback is under way",),
    },
    "deliverer": {"Frozen": ("a rollback is under way",)},
}

#: How much the lines of the real steps' models are flattened: the less, the better is the model.
SHRINKAGES = (800.0, 600.0, 400.0, 300.0, 200.0, 150.0, 100.0, 0.0)


@dataclass(frozen=True)
class Told:
    """What a race came to.

    Attributes:
        seed: Its seed.
        steps_are_real: Whether its promoters took the real steps.
        steps: Calls that were let through.
        promoted: Promotions during the race.
        decided_again: Decisions that were made again.
        errors: Racers that ended with an error, by name.
        settled_s: Time from the opening of the barrier until the last racer had ended, seconds.
    """

    seed: int
    steps_are_real: bool
    steps: int
    promoted: int
    decided_again: int
    errors: dict[str, str]
    settled_s: float

    @property
    def tally(self) -> dict[str, int]:
        """What is counted over all races."""
        return {
            "schedules raced": 1,
            "promotions, each the one winner over its champion": self.promoted,
            "decisions made again by losers, none trained again": self.decided_again,
        }

    @property
    def line(self) -> str:
        """The race in one line."""
        errors = ", ".join(f"{count} {name}" for name, count in sorted(Counter(self.errors.values()).items()))
        kind = "real steps, race" if self.steps_are_real else "race"
        return (
            f"{kind} {self.seed:2}: {self.steps} calls in {self.settled_s:.1f} s, {self.promoted} promoted, "
            f"{self.decided_again} decided again; errors: {errors or 'none'}"
        )


def line_up(seed: int, *, steps: bool) -> dict[str, Any]:
    """Return eight promoters, two rollbacks and two deliveries, as a seed has it."""
    rng = random.Random(seed)
    models = [{"shrinkage": s} for s in SHRINKAGES] if steps else [{"mae": mae} for mae in MAES]
    rng.shuffle(models)
    prefix, year = ("steps ", 2020) if steps else ("", 2013)
    field: dict[str, Any] = {f"promoter-{n}": (f"{prefix}promoter", m) for n, m in enumerate(models)}
    for n in range(2):
        options = {
            "to": rng.choice([None, None, 1, 2]),
            "forward": rng.random() < 0.5,
            "resumes": rng.random() < 0.5,
        }
        field[f"roller-{n}"] = ("roller", options)
        field[f"deliverer-{n}"] = (f"{prefix}deliverer", {"arrival": f"{year}-{n + 4:02d}"})
    return field


def directions(seed: int) -> dict[str, Any]:
    """Return how a race is directed: strictly one by one, or in groups that overlap; and who comes late."""
    rng = random.Random(seed)
    late = [f"{role}-{n}" for role in ("roller", "deliverer") for n in range(2)]
    delays = {name: rng.randrange(LATEST_STEPS) for name in late}
    return {"seed": seed, "width": rng.choice([1, 1, 3]), "delays": delays}


def race(zygote: Zygote, seed: int, *, steps: bool = False) -> Told:
    """Run one race and check what came of it; with models that are numbers, or with the real steps."""
    world = zygote.world(zygote.template(STEPS if steps else PREPARED))
    field = line_up(seed, steps=steps)
    with world.serving():
        answer = world.race(field, **directions(seed))
        shown = f"seed {seed}: {field}\n{answer}\n{world.told()}"
        _ended(field, answer, shown)
        ends = world.done("settle", steps=steps)
        account = world.done("account")
    shown += f"\n{ends}\n{account}"
    check(field, answer["ends"], ends, account, shown)
    world.verify()
    shutil.rmtree(world.folder)
    return _told(seed, steps, answer)


def _ended(field: dict[str, Any], answer: dict[str, Any], shown: str) -> None:
    assert not answer["left"], f"somebody waits for ever\n{shown}"
    assert set(answer["statuses"].values()) == {0}, shown
    for name, (role, _) in field.items():
        end = answer["ends"][name]
        lawful = LAWFUL[role.split()[-1]].get(end.get("error", ""), ())
        said = any(phrase in end.get("text", "") for phrase in lawful)
        assert "result" in end or said, f"{name} ended with {end}\n{shown}"


def check(
    field: dict[str, Any], ended: dict[str, Any], ends: dict[str, str], account: dict[str, Any], shown: str
) -> None:
    """Raise `AssertionError` unless nothing was lost, and nobody replaced what another had replaced."""
    results = {name: end["result"] for name, end in ended.items() if "result" in end}
    kept = set(account["history"])
    dropped_runs = {run for record in account["rollbacks"].values() for run in record["dropped_runs"]}
    dropped_paths = {path for record in account["rollbacks"].values() for path in record["dropped_arrivals"]}
    for name, result in results.items():
        if "decided_again" in result:
            assert result["decided_again"] <= result["scored_again"], shown
        if "decided_again" in result and result["number"]:
            assert account["promotions"][str(result["number"])]["run_id"] == result["run_id"], shown
            assert result["commit"] in kept or result["run_id"] in dropped_runs, f"{name} was lost\n{shown}"
        if "arrival" in result:
            kept_paths = {path for path in account["raw"] if path.endswith(f"/{result['arrival']}.parquet")}
            dropped = {path for path in dropped_paths if path.endswith(f"/{result['arrival']}.parquet")}
            assert kept_paths or dropped, f"{name} was lost\n{shown}"
    one_winner_each(account, shown)
    assert set(account["trained"].values()) == {1}, f"trained again\n{shown}"
    assert account["unfinished"] == sorted(run for run, end in ends.items() if end == "dropped"), shown
    assert account["protected"] == ["main"], shown
    assert account["staged"] == [], shown


def one_winner_each(account: dict[str, Any], shown: str) -> None:
    """Raise `AssertionError` if two replaced one champion, and no rollback brought it back between."""
    winners: dict[str, list[int]] = {}
    for number in sorted(map(int, account["promotions"])):
        replaced = account["promotions"][str(number)]["replaced_sha256"]
        winners.setdefault(replaced, []).append(number)
    for numbers in winners.values():
        for first, second in itertools.pairwise(numbers):
            replaced = account["promotions"][str(first)]["replaced"]
            back = [r for r in account["rollbacks"].values() if first < r["number"] < second]
            assert any(r["to_number"] == replaced for r in back), f"{first} and {second}\n{shown}"


def _told(seed: int, steps: bool, answer: dict[str, Any]) -> Told:
    results = [end["result"] for end in answer["ends"].values() if "result" in end]
    promoters = [result for result in results if "number" in result]
    return Told(
        seed=seed,
        steps_are_real=steps,
        steps=answer["steps"],
        promoted=sum(result["number"] > 0 for result in promoters),
        decided_again=sum(result["decided_again"] for result in promoters),
        errors={name: end["error"] for name, end in answer["ends"].items() if "error" in end},
        settled_s=answer["settled_s"],
    )


def settle_racing_promoters(folder: Path, promoters: int = PROMOTERS) -> float:
    """Return how long promoters that have all decided against one champion take until all are done, in s.

    They are separate processes on an embedded server and MLflow's own store, and go on without being directed
    once the last one has decided.
    """
    with warmed(folder) as zygote:
        world = zygote.world(zygote.template(PREPARED))
        field = {f"p{n}": ("promoter", {"mae": MAES[n]}) for n in range(promoters)}
        with world.serving():
            answer = world.race(field, seed=promoters, free=True)
            _ended(field, answer, f"{answer}\n{world.told()}")
            ends = world.done("settle", steps=False)
            check(field, answer["ends"], ends, world.done("account"), str(answer))
        return answer["settled_s"]
