"""What is searched with all guards on: who meets whom, where anything is known to have gone wrong."""

from __future__ import annotations

from tests.model import programs as p
from tests.model.scenarios import RICH, Scenario

_RUNS = ("run-",)
_BACK = ("rollback-",)
_THREE = ("2013-01", 14.0, 13.0, 12.0)

#: At least two runs, an ingest and a rollback, as deep as the deepest history that is known to need them.
DEEP, DEEPEST = "two trained runs, an ingest and a rollback", 13

_DECIDING = {"torn": False, "ahead": 1}

SEARCHES = (
    Scenario(
        DEEP,
        (
            p.run("A", 11.0, **_DECIDING),
            p.run("B", 10.0, **_DECIDING),
            p.roll_back("R"),
            p.arrive("I", "2013-03"),
        ),
        RICH,
        delays=1,
    ),
    Scenario(
        "two trained runs, an ingest and a rollback, resumed",
        (
            p.run("A", 11.0, **_DECIDING),
            p.run("B", 10.0, **_DECIDING),
            p.roll_back("R"),
            p.arrive("I", "2013-03"),
            p.resuming("S", after=("R",)),
        ),
        RICH,
        delays=0,
    ),
    Scenario("two runs and an ingest", (p.run("A", 11.0), p.run("B", 10.0), p.arrive("I", "2013-02"))),
    Scenario(
        "a run, an ingest and a rollback",
        (p.run("A", 11.0), p.roll_back("R"), p.arrive("I", "2013-03")),
        RICH,
    ),
    Scenario(
        "a run whose answers get lost, a rollback, resumed",
        (p.run("A", 11.0, retries=1), p.roll_back("R"), p.resuming("S", after=("R",))),
        losses=1,
        delays=1,
    ),
    Scenario(
        "one delivery twice and a rollback",
        (
            p.arrive("I1", "2013-03"),
            p.arrive("I2", "2013-03"),
            p.roll_back("R"),
            p.resuming("S", after=("R",)),
        ),
        RICH,
    ),
    Scenario(
        "two contents of one arrival and a run",
        (p.arrive("I1", "2013-03", b"one"), p.arrive("I2", "2013-03", b"two"), p.run("A", 11.0)),
    ),
    Scenario(
        "a policy and two trained runs",
        (p.change_policy("P"), p.run("A", 11.0, ahead=1), p.run("B", 10.0, **_DECIDING)),
        delays=1,
    ),
    Scenario("a policy, a run and a rollback", (p.change_policy("P"), p.run("A", 11.0), p.roll_back("R"))),
    Scenario(
        "a run and a rollback with their caches",
        (p.run("A", 11.0, caches=True, torn=False), p.roll_back("R", caches=True)),
        delays=1,
        in_line=True,
    ),
    Scenario(
        "a rollback that somebody else finishes",
        (p.roll_back("R", caches=True), p.reconciling("C")),
        in_line=True,
    ),
    Scenario(
        "a rollback that somebody else finishes, on a server with outdated rules",
        (p.roll_back("R", caches=True), p.reconciling("C")),
        lag=2,
        delays=1,
    ),
    Scenario("two rollbacks", (p.roll_back("R1", shares=_BACK), p.roll_back("R2", 1, shares=_BACK)), _THREE),
    Scenario(
        "a run, an ingest and a forward rollback",
        (p.run("A", 11.0, torn=False), p.roll_back("F", forward=True), p.arrive("I", "2013-03")),
        RICH,
        delays=1,
    ),
    Scenario(
        "a forward rollback that somebody else finishes, and a run",
        (
            p.roll_back("F", forward=True, shares=_BACK),
            p.run("A", 11.0),
            p.reconciling("C", shares=_BACK),
        ),
        RICH,
        delays=0,
    ),
    Scenario(
        "two forward rollbacks",
        (p.roll_back("F", forward=True, shares=_BACK), p.roll_back("G", forward=True, shares=_BACK)),
        _THREE,
    ),
    Scenario(
        "a forward rollback and a reset",
        (p.roll_back("F", forward=True, shares=_BACK), p.roll_back("R", shares=_BACK)),
        _THREE,
    ),
    Scenario(
        "two processes reset main for one rollback, and an ingest lands between their resets",
        (p.roll_back("R"), p.reconciling("C"), p.arrive("I", "2013-03")),
        delays=0,
    ),
    Scenario(
        "a reset of long ago that arrives during a rollback, and an ingest",
        (p.roll_back("R"), p.by_hand("X", p.reset_to(1)), p.arrive("I", "2013-03")),
        _THREE,
        lag=2,
    ),
    Scenario(
        "a reset that was sent for one rollback lands during the next one",
        (
            p.roll_back("R1"),
            p.reconciling("C"),
            p.resuming("S", after=("C",)),
            p.roll_back("R2", after=("S",)),
        ),
        _THREE,
        delays=1,
    ),
)
