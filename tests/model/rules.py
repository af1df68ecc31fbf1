"""Every rule of the protocol, the worlds in which it matters, and what happens where it is taken away."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.ports import Lake
from tests.model import programs as p
from tests.model.guards import Guards, without
from tests.model.scenarios import RICH, Scenario

_RUNS = ("run-",)


@dataclass(frozen=True)
class Rule:
    """A rule of the protocol.

    Attributes:
        name: What it says.
        taken_away: All guards but those that ask it.
        scenario: Where it matters.
        anomaly: What happens without it.
        places: All guards but one of those that ask it, where several do: each is enough.
    """

    name: str
    taken_away: Guards
    scenario: Scenario
    anomaly: str
    places: tuple[Guards, ...] = ()


def _merge_by_hand(lake: Lake) -> str:
    """Merge what a run has trained, without asking anybody."""
    trained = [
        b for b, c in lake.branches("run-").items() if lake.commit_of(c).metadata.get("lease_owner") == "A"
    ]
    return lake.merge(lake.head(trained[0]), names.MAIN, "it looks good", {}) if trained else ""


def _revert_an_object(lake: Lake) -> str:
    """Put the model of the first champion back, and call it an ingest."""
    head = lake.head(names.MAIN)
    lake.create_branch("fix", head)
    lake.write("fix", "model/mae", b"14.0")
    source = lake.commit("fix", "the old model was better", {})
    return lake.merge(source, names.MAIN, "fix", {"kind": "ingest", "arrival": "fix", "expected_head": head})


def _reset_by_hand(lake: Lake) -> None:
    lake.hard_reset(names.MAIN, lake.tags("promotion-")["promotion-000001"])


_TWO_RUNS = Scenario("two runs", (p.run("A", 11.0), p.run("B", 10.0)))
_ROLLBACK = Scenario(
    "a run, a rollback, resumed", (p.run("A", 11.0), p.roll_back("R"), p.resuming("S", after=("R",)))
)
_AGAIN = Scenario(
    "a run, its rollback, resumed, the run again",
    (
        p.run("A1", 11.0, shares=_RUNS),
        p.roll_back("R", after=("A1",)),
        p.resuming("S", after=("R",)),
        p.run("A2", 11.0, shares=_RUNS, after=("A1",)),
    ),
)

RULES = (
    Rule(
        "a merge lands on the head that all was checked against",
        without("expected_head"),
        Scenario("an ingest and a policy", (p.arrive("I", "2013-02"), p.change_policy("P"))),
        "moved head",
    ),
    Rule(
        "a decision is about the champion that is replaced",
        without("replaces_champion", lies=("remembers the champion",)),
        _TWO_RUNS,
        "stale comparison",
        (without("replaces_champion"), without(lies=("remembers the champion",))),
    ),
    Rule(
        "the champion is what main's head says, not a tag that follows",
        without("replaces_champion", lies=("compares with the tag",)),
        _TWO_RUNS,
        "stale comparison",
    ),
    Rule(
        "merges never conflict silently: no strategy, where nothing else looks at the head",
        without("expected_head", "replaces_champion", "sequence", "freeze", strategy="source-wins"),
        _TWO_RUNS,
        "stale comparison",
    ),
    Rule(
        "no strategy is passed to a merge",
        without(strategy="source-wins"),
        Scenario("one arrival twice", (p.arrive("I1", "2013-02", b"one"), p.arrive("I2", "2013-02", b"two"))),
        "silent overwrite",
    ),
    Rule(
        "a run whose fork was dropped is not merged",
        without("fork_on_main", lies=("sees its fork everywhere",)),
        Scenario(
            "a trained run, a rollback, resumed",
            (p.run("A", 11.0, ahead=1), p.roll_back("R"), p.resuming("S")),
            RICH,
        ),
        "dropped data",
        (without("fork_on_main"), without(lies=("sees its fork everywhere",))),
    ),
    Rule(
        "a run that was rolled back does not come back",
        without("not_revoked", lies=("sees no revoked runs",)),
        _AGAIN,
        "resurrection",
        (without("not_revoked"), without(lies=("sees no revoked runs",))),
    ),
    Rule(
        "what is dropped is barred before main moves",
        without(lies=("revokes nothing",)),
        _ROLLBACK,
        "unbarred drop",
    ),
    Rule(
        "nothing is merged while a rollback is under way",
        without("not_frozen", lies=("sees no rollback",)),
        Scenario("a rollback and an ingest", (p.roll_back("R"), p.arrive("I", "2013-03"))),
        "broken freeze",
        (without("not_frozen"), without(lies=("sees no rollback",))),
    ),
    Rule(
        "promotions wait until they are resumed",
        without("not_on_hold", lies=("sees no hold",)),
        _ROLLBACK,
        "promoted on hold",
        (without("not_on_hold"), without(lies=("sees no hold",))),
    ),
    Rule(
        "merges are squashed",
        without(squash=False),
        Scenario("an ingest", (p.arrive("I", "2013-02"),)),
        "reachable run",
    ),
    Rule(
        "a later attempt fences the earlier ones",
        without(lies=("sees no later attempts",)),
        Scenario("two attempts", (p.run("A1", 11.0, shares=_RUNS), p.run("A2", 11.0, shares=_RUNS))),
        "fenced attempt",
    ),
    Rule(
        "a look at the holdout belongs to one decision",
        without("decision_on_record", lies=("claims no look",)),
        _TWO_RUNS,
        "look taken twice",
        (without("decision_on_record"), without(lies=("claims no look",))),
    ),
    Rule(
        "each kind of commit changes its own paths",
        without("lawful_paths", "ingest"),
        Scenario("a person", (p.by_hand("H", _revert_an_object),)),
        "half-written main",
        (without("lawful_paths"), without("ingest")),
    ),
    Rule(
        "merges are judged",
        without(enforcer=False),
        Scenario(
            "a trained run and a person",
            (p.run("A", 11.0, shares=_RUNS), p.by_hand("H", _merge_by_hand, shares=_RUNS)),
        ),
        "half-written main",
    ),
    Rule(
        "main is protected",
        without(protects=False),
        Scenario("a person", (p.by_hand("H", _reset_by_hand),)),
        "unrecorded drop",
    ),
    Rule(
        "a decision is by the policy in force",
        without("policy_in_force", "verdict", lies=("remembers the policy",)),
        Scenario("a run and a policy", (p.run("A", 11.0), p.change_policy("P"))),
        "another policy",
        (without("policy_in_force", "verdict"), without(lies=("remembers the policy",))),
    ),
    Rule(
        "a run looks for itself on main first",
        without(lies=("forgets its promotion",)),
        Scenario("a run whose answers get lost", (p.run("A", 11.0, retries=1),), losses=1),
        "winner told it lost",
    ),
    Rule(
        "whoever writes a cache reads main again",
        without(lies=("looks at main once",)),
        Scenario(
            "two decided runs with their caches",
            (
                p.run("A", 11.0, caches=True, torn=False, ahead=2),
                p.run("B", 10.0, caches=True, torn=False, ahead=2),
            ),
            in_line=True,
        ),
        "stale cache",
    ),
    Rule(
        "a delivery that was dropped returns only when it is told to",
        without(lies=("sees no dropped arrivals",)),
        Scenario(
            "an ingest, its rollback, the ingest again",
            (
                p.arrive("I1", "2013-02"),
                p.roll_back("R", after=("I1",)),
                p.arrive("I2", "2013-02", after=("I1",)),
            ),
        ),
        "returned arrival",
    ),
    Rule(
        "a request to roll back goes back once",
        without(lies=("sees no hold",)),
        Scenario(
            "a rollback whose answers get lost",
            (p.roll_back("R", first=True, retries=1),),
            ("2013-01", 14.0, 13.0, 12.0),
            losses=1,
        ),
        "rolled back twice",
    ),
)
