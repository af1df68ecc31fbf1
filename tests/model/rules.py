"""Every rule of the protocol, the worlds in which it matters, and what happens where it is taken away."""

from __future__ import annotations

from tests.model import programs as p
from tests.model.guards import without
from tests.model.rule import Rule
from tests.model.scenarios import RICH, Scenario

_RUNS = ("run-",)
_BACK = ("rollback-",)


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
_STRAY = Scenario(
    "a rollback that somebody else finishes, something staged meanwhile, and then an ingest",
    (
        p.roll_back("R", shares=_BACK),
        p.reconciling("C", shares=_BACK),
        p.by_hand("W", p.stage_on_main),
        p.arrive("I", "2013-03", after=("W",), dirty=True),
    ),
    delays=0,
)

PROTOCOL = (
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
        "a run that a person rejected is not promoted",
        without("not_rejected", lies=("sees no rejected runs",)),
        # One that is rejected while the lake merges it is told by `reject`, and found by the audit.
        Scenario("a rejection and the run", (p.rejecting("P", 11.0), p.run("A", 11.0, after=("P",)))),
        "promoted after rejection",
        (without("not_rejected"), without(lies=("sees no rejected runs",))),
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
    Rule(
        "a run that was promoted and rolled back while its answer was lost does not come back",
        without("not_revoked", lies=("sees no revoked runs",)),
        Scenario(
            "a run whose answers get lost, a rollback, resumed",
            (p.run("A", 11.0, ahead=2, retries=1), p.roll_back("R"), p.resuming("S", after=("R",))),
            losses=1,
            delays=1,
        ),
        "resurrection",
        (without("not_revoked"), without(lies=("sees no revoked runs",))),
    ),
    Rule(
        "an ingest brings nothing but its own arrival back",
        without("ingest", lies=("sees its fork everywhere",)),
        Scenario(
            "a rollback of an ingest, and another ingest",
            (p.roll_back("R", 1), p.arrive("I", "2013-03")),
            ("2013-01", 14.0, "2013-02"),
        ),
        "returned arrival",
        (without("ingest"), without(lies=("sees its fork everywhere",))),
    ),
    Rule(
        "what a forward rollback left among the ancestors is not what main stands on",
        without(lies=("sees its fork everywhere",)),
        Scenario(
            "a trained run, a forward rollback, resumed",
            (
                p.run("A", 11.0, ahead=1),
                p.roll_back("F", forward=True),
                p.resuming("S", after=("F",)),
            ),
            RICH,
        ),
        "dropped data",
    ),
    Rule(
        "a rollback stops promotions",
        without(lies=("holds nothing",)),
        _ROLLBACK,
        "promoted on hold",
    ),
    Rule(
        "nothing is merged until the reset is known to be over",
        without("settled", lies=("sees everything settled",)),
        Scenario(
            "a rollback that somebody else finishes, and an ingest",
            (p.roll_back("R"), p.reconciling("C"), p.arrive("I", "2013-03")),
            delays=0,
        ),
        "unrecorded drop",
        (without("settled"), without(lies=("sees everything settled",))),
    ),
    Rule(
        "what is settled is not reset again",
        without(lies=("sees nothing settled",)),
        Scenario(
            "a rollback that somebody else finishes, and then an ingest",
            (p.roll_back("R"), p.reconciling("C"), p.arrive("I", "2013-03", after=("C",))),
            delays=1,
        ),
        "unrecorded drop",
    ),
    Rule(
        "protection is lifted only where it is as it was read",
        without(lies=("changes rules unread",)),
        Scenario(
            "a rollback that somebody else finishes, another reset, and then an ingest",
            (
                p.roll_back("R"),
                p.reconciling("C"),
                p.by_hand("X", p.reset_to(1)),
                p.arrive("I", "2013-03", after=("C",)),
            ),
            delays=0,
        ),
        "unrecorded drop",
    ),
    Rule(
        "a reset on its way is withdrawn before protection is lifted for anything else",
        without(lies=("withdraws no reset",)),
        _STRAY,
        "unrecorded drop",
    ),
    Rule(
        "who resets main asks whether that is settled when what can be withdrawn is there",
        without(lies=("makes its branch unasked",)),
        _STRAY,
        "unrecorded drop",
    ),
    Rule(
        "a hold is lifted when its rollback is finished",
        without(lies=("sees no rollback",)),
        Scenario(
            "a run, a rollback, and somebody who resumes at once",
            (p.run("A", 11.0), p.roll_back("R"), p.resuming("S")),
        ),
        "promoted on hold",
    ),
)
